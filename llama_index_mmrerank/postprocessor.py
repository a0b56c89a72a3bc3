"""MultimodalRerank: a LlamaIndex node postprocessor over any reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NoReturn, Unpack

from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index_instrumentation import get_dispatcher
from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from llama_index_mmrerank.answers import ImagePostprocessor, allowed_urls
from llama_index_mmrerank.convert import (
    check_nodes,
    to_content,
    to_contents,
    with_result_of,
    with_scores,
)
from mmrerank.adapter_options import RerankOptions, choose_reranker
from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError
from mmrerank.images.key_check import warn_if_key_looks_wrong
from mmrerank.images.refs import IMAGES_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.result_metadata import merged_figures
from mmrerank.types import Content, RerankResult

__all__ = ["MultimodalRerank"]

_dispatcher = get_dispatcher(__name__)


class PostprocessorOptions(RerankOptions, total=False):
    """Keywords of LlamaIndex's `MultimodalRerank`, beside the reranker."""

    metadata_mode: MetadataMode
    """Which metadata the reranker reads together with a node's text. Default: none."""

    with_images: bool | Literal["separate", "words"]
    """Give the nodes their images, for engines with `multimodal=True`: True, or one of the other
    ways of `ImagePostprocessor`, with its default budget. Default False."""

    callback_manager: CallbackManager
    """LlamaIndex's older callbacks; an engine sets its own."""


class MultimodalRerank(BaseNodePostprocessor):
    """Reranks nodes by their text and by the images that they or their metadata name.

    ::

        rerank = MultimodalRerank(reranker=OCRReranker(), top_n=5, image_root="images")
        index.as_query_engine(similarity_top_k=50, node_postprocessors=[rerank])

    The result is copies of the nodes, best first. Their metadata has `relevance_score`,
    `retrieval_rank` (from 1), `retrieval_score` if the node came with a score, and `best_image` if
    an image scored best; LLMs and embedders do not see these keys. After several rerankers,
    `retrieval_rank` and `retrieval_score` are still those of the retrieval, before the first
    reranker. To ask with an image, pass a `QueryBundle` with `image_path`.

    `postprocess_nodes` returns [] for no nodes. It raises `InvalidInputError` for a missing or
    empty query, `ImageError` for an image that cannot be used, and what the reranker raises.

    `reranker` is any reranker. A `model` in its place is the name of a model of Jina's API, with
    its `api_key`. Other keywords: `PostprocessorOptions`. Raises pydantic's `ValidationError` for
    unknown keywords and unusable values, `InvalidInputError` and `AuthenticationError` for the
    reranker.
    """

    reranker: SkipJsonSchema[Reranker] = Field(exclude=True)
    top_n: int | None = Field(default=None, ge=1)
    min_score: float | None = None
    image_root: Any = Field(default=None, exclude=True)
    image_key: Any = Field(default=IMAGES_KEY, exclude=True)
    path_map: Mapping[str, str] | None = None
    on_image_error: Literal["raise", "warn"] = "raise"
    merge_figures: bool = False
    urls: Literal["refuse", "pass", "fetch"] = "refuse"
    metadata_mode: MetadataMode = MetadataMode.NONE
    with_images: bool | Literal["separate", "words"] = False

    model_config = ConfigDict(
        hide_input_in_errors=True,  # it may be a key, given under another name
        arbitrary_types_allowed=True,
        extra="forbid",
        validate_assignment=True,
    )

    def __init__(
        self,
        *,
        reranker: Reranker | None = None,
        model: str | None = None,
        api_key: str | None = None,
        **options: Unpack[PostprocessorOptions],
    ) -> None:
        # The key never is a field, so that it is in no dump and in no error of pydantic's.
        chosen = choose_reranker(reranker, model, api_key)
        fields: dict[str, Any] = {"reranker": chosen, **options}
        super().__init__(**fields)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "MultimodalRerank"

    def warm(
        self, nodes: Sequence[BaseNode | NodeWithScore], *, show_progress: bool = False
    ) -> None:
        """Read nodes (or documents) and their images ahead of any query, at indexing time.

        Raises `ImageError` for an image that cannot be used, and what the reranker raises.
        """
        wrapped = [NodeWithScore(node=n) if isinstance(n, BaseNode) else n for n in nodes]
        check_nodes(wrapped)
        self.reranker.warm(self._contents(wrapped)[0], show_progress=show_progress)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        check_nodes(nodes)
        query = to_content(query_bundle) if nodes else None
        with self._events(nodes, query) as reranked:
            if query is not None:
                contents, refs = self._contents(nodes)
                results = self.reranker.rerank(
                    query, contents, self._rerank_top_n(), self.min_score
                )
                reranked.extend(self._with_images(self._with_results(nodes, results, refs)))
        return reranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        check_nodes(nodes)
        query = to_content(query_bundle) if nodes else None
        with self._events(nodes, query) as reranked:
            if query is not None:
                contents, refs = await asyncio.to_thread(self._contents, nodes)
                results = await self.reranker.arerank(
                    query, contents, self._rerank_top_n(), self.min_score
                )
                winners = self._with_results(nodes, results, refs)
                reranked.extend(await asyncio.to_thread(self._with_images, winners))
        return reranked

    def _contents(self, nodes: Sequence[NodeWithScore]) -> tuple[list[Content], list[list[str]]]:
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        limit = self.reranker.max_images_per_document
        contents, refs = to_contents(nodes, resolver, limit, self.metadata_mode)
        if self.reranker.modalities.image and not any(refs):
            warn_if_key_looks_wrong((item.node.metadata for item in nodes), self.image_key)
        return contents, refs

    def _rerank_top_n(self) -> int | None:
        """None where results are merged first: there must be enough of them."""
        return None if self.merge_figures else self.top_n

    def _with_results(
        self,
        nodes: Sequence[NodeWithScore],
        results: Sequence[RerankResult],
        refs: list[list[str]],
    ) -> list[NodeWithScore]:
        scored = {r.index: with_scores(nodes[r.index], r, refs[r.index]) for r in results}
        if not self.merge_figures:
            return list(scored.values())
        metadata = [item.node.metadata for item in nodes]
        merged = merged_figures(metadata, results, refs, self.image_key)
        return [
            with_result_of(scored[one.result.index], nodes[one.document], one.best_image)
            for one in merged[: self.top_n]
        ]

    def _with_images(self, winners: list[NodeWithScore]) -> list[NodeWithScore]:
        """The nodes with their images, if they are asked for."""
        if not self.with_images:
            return winners
        postprocessor = ImagePostprocessor(
            images="send" if self.with_images is True else self.with_images,
            image_root=self.image_root,
            image_key=self.image_key,
            path_map=self.path_map,
            on_image_error=self.on_image_error,
            urls=allowed_urls(self.urls),
        )
        return postprocessor.postprocess_nodes(winners)

    def compress_documents(self, *_: Any, **__: Any) -> NoReturn:
        """Raises `InvalidInputError`: this class is not LangChain's."""
        raise InvalidInputError(
            "this MultimodalRerank is LlamaIndex's; in LangChain, use the one of langchain_mmrerank"
        )

    acompress_documents = compress_documents

    @contextmanager
    def _events(
        self, nodes: Sequence[NodeWithScore], query: Content | None
    ) -> Iterator[list[NodeWithScore]]:
        """The start and the end event around reranking, which fills the list given here.

        Both of LlamaIndex's mechanisms get them: the dispatcher, and the older callback manager.
        """
        reranked: list[NodeWithScore] = []
        candidates, top_n = _without_content(nodes), self.top_n or len(nodes)
        text = (query.text if query is not None else None) or ""
        payload: dict[str, Any] = {
            EventPayload.NODES: candidates,
            EventPayload.MODEL_NAME: self.reranker.model,
            EventPayload.TOP_K: top_n,
        }
        _dispatcher.event(
            ReRankStartEvent(
                query=text, nodes=candidates, top_n=top_n, model_name=self.reranker.model
            )
        )
        try:
            with self.callback_manager.event(CBEventType.RERANKING, payload) as event:
                yield reranked
                event.on_end({EventPayload.NODES: _without_content(reranked)})
        finally:
            _dispatcher.event(ReRankEndEvent(nodes=_without_content(reranked)))


def _without_content(nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
    """Nodes for an event: ids and scores, without text and image bytes."""
    return [NodeWithScore(node=TextNode(id_=n.node_id, text=""), score=n.score) for n in nodes]
