"""MultimodalRerank: a LlamaIndex node postprocessor over any reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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

    What comes back are copies of the nodes, best first, with `relevance_score`, `retrieval_rank`
    (from 1), `retrieval_score` and, where an image helped, `best_image` in their metadata, which
    is kept out of LLM and embedding text. After several rerankers `retrieval_rank` and
    `retrieval_score` are still those of the retrieval, before the first of them. Errors are those of `mmrerank.errors`.
    """

    reranker: Reranker = Field(exclude=True)
    top_n: int | None = Field(default=None, ge=1)
    """How many nodes to keep; None keeps all."""
    min_score: float | None = None
    """Nodes that score less are left out."""
    image_root: Any = Field(default=None, exclude=True)
    """The folder that image references are relative to; several; or a function of a node's
    metadata that names them."""
    image_key: Any = Field(default=IMAGES_KEY, exclude=True)
    """The metadata key of the image references; several; or a function of the metadata."""
    path_map: Mapping[str, str] | None = None
    """`{old: new}` beginnings of paths, for folders that have moved."""
    on_image_error: Literal["raise", "warn"] = "raise"
    """What to do about an image that cannot be used: "warn" keeps the node without it."""
    urls: Literal["refuse", "pass", "fetch"] = "refuse"
    """What to do about references that are URLs: "pass" lets the service fetch them."""
    metadata_mode: MetadataMode = MetadataMode.NONE
    """Which metadata the reranker reads with a node's text."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "MultimodalRerank"

    def warm(self, nodes: Sequence[Any], *, show_progress: bool = False) -> None:
        """Read nodes (or documents) and their images ahead of any query, at indexing time."""
        wrapped = [n if isinstance(n, NodeWithScore) else NodeWithScore(node=n) for n in nodes]
        self.reranker.warm(self._contents(wrapped)[0], show_progress=show_progress)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = to_content(query_bundle) if nodes else None
        reranked: list[NodeWithScore] = []
        self._start(nodes, query)
        try:
            if query is not None:
                contents, refs = self._contents(nodes)
                results = self.reranker.rerank(query, contents, self.top_n, self.min_score)
                reranked = _picked(nodes, results, refs)
        finally:
            _dispatcher.event(ReRankEndEvent(nodes=_without_content(reranked)))
        return reranked

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = to_content(query_bundle) if nodes else None
        reranked: list[NodeWithScore] = []
        self._start(nodes, query)
        try:
            if query is not None:
                contents, refs = await asyncio.to_thread(self._contents, nodes)
                results = await self.reranker.arerank(query, contents, self.top_n, self.min_score)
                reranked = _picked(nodes, results, refs)
        finally:
            _dispatcher.event(ReRankEndEvent(nodes=_without_content(reranked)))
        return reranked

    def _contents(self, nodes: Sequence[NodeWithScore]) -> tuple[list[Content], list[list[str]]]:
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        most = self.reranker.max_images_per_document
        return to_contents(nodes, resolver, most, self.metadata_mode)

    def _start(self, nodes: Sequence[NodeWithScore], query: Content | None) -> None:
        _dispatcher.event(
            ReRankStartEvent(
                query=(query.text if query is not None else None) or "",
                nodes=_without_content(nodes),
                top_n=self.top_n or len(nodes),
                model_name=self.reranker.model,
            )
        )


def _picked(
    nodes: Sequence[NodeWithScore], results: Sequence[RerankResult], refs: list[list[str]]
) -> list[NodeWithScore]:
    return [with_scores(nodes[r.index], r, refs[r.index]) for r in results]


def _without_content(nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
    """Ids and scores for an event; no text, and above all no image bytes."""
    return [NodeWithScore(node=TextNode(id_=n.node_id, text=""), score=n.score) for n in nodes]
