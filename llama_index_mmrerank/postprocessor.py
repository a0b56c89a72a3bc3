"""MultimodalRerank: a LlamaIndex node postprocessor over any reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index_instrumentation import get_dispatcher
from pydantic import ConfigDict, Field

from llama_index_mmrerank.convert import to_content, to_contents, with_scores
from mmrerank.base import Reranker
from mmrerank.images.refs import IMAGES_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.types import Content, RerankResult

__all__ = ["MultimodalRerank"]

_dispatcher = get_dispatcher(__name__)


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
    """

    reranker: Reranker = Field(exclude=True)
    top_n: int | None = Field(default=None, ge=1)
    """How many nodes to keep; None keeps all."""
    min_score: float | None = None
    """Nodes that score less are dropped; None keeps all."""
    image_root: Any = Field(default=None, exclude=True)
    """The folder that image references are relative to, a list of folders, or a function of a
    node's metadata that returns either."""
    image_key: Any = Field(default=IMAGES_KEY, exclude=True)
    """The metadata key of the image references, a list of keys, or a function of the metadata."""
    path_map: Mapping[str, str] | None = None
    """`{old: new}` path prefixes, for folders that have moved."""
    on_image_error: Literal["raise", "warn"] = "raise"
    """For an image that cannot be used: "raise", or "warn" and score the node without it."""
    urls: Literal["refuse", "pass", "fetch"] = "refuse"
    """For references that are URLs: "refuse", "pass" them to the service, or "fetch" them here."""
    metadata_mode: MetadataMode = MetadataMode.NONE
    """Which metadata the reranker reads together with a node's text."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "MultimodalRerank"

    def warm(self, nodes: Sequence[Any], *, show_progress: bool = False) -> None:
        """Read nodes (or documents) and their images ahead of any query, at indexing time.

        Raises `ImageError` for an image that cannot be used, and what the reranker raises.
        """
        wrapped = [n if isinstance(n, NodeWithScore) else NodeWithScore(node=n) for n in nodes]
        self.reranker.warm(self._contents(wrapped)[0], show_progress=show_progress)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = to_content(query_bundle) if nodes else None
        with self._events(nodes, query) as reranked:
            if query is not None:
                contents, refs = self._contents(nodes)
                results = self.reranker.rerank(query, contents, self.top_n, self.min_score)
                reranked.extend(_with_results(nodes, results, refs))
        return reranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = to_content(query_bundle) if nodes else None
        with self._events(nodes, query) as reranked:
            if query is not None:
                contents, refs = await asyncio.to_thread(self._contents, nodes)
                results = await self.reranker.arerank(query, contents, self.top_n, self.min_score)
                reranked.extend(_with_results(nodes, results, refs))
        return reranked

    def _contents(self, nodes: Sequence[NodeWithScore]) -> tuple[list[Content], list[list[str]]]:
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        limit = self.reranker.max_images_per_document
        return to_contents(nodes, resolver, limit, self.metadata_mode)

    @contextmanager
    def _events(
        self, nodes: Sequence[NodeWithScore], query: Content | None
    ) -> Iterator[list[NodeWithScore]]:
        """The start and the end event around reranking, which fills the list given here."""
        reranked: list[NodeWithScore] = []
        _dispatcher.event(
            ReRankStartEvent(
                query=(query.text if query is not None else None) or "",
                nodes=_without_content(nodes),
                top_n=self.top_n or len(nodes),
                model_name=self.reranker.model,
            )
        )
        try:
            yield reranked
        finally:
            _dispatcher.event(ReRankEndEvent(nodes=_without_content(reranked)))


def _with_results(
    nodes: Sequence[NodeWithScore], results: Sequence[RerankResult], refs: list[list[str]]
) -> list[NodeWithScore]:
    return [with_scores(nodes[r.index], r, refs[r.index]) for r in results]


def _without_content(nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
    """Nodes for an event: ids and scores, without text and image bytes."""
    return [NodeWithScore(node=TextNode(id_=n.node_id, text=""), score=n.score) for n in nodes]
