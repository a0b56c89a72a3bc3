"""MultimodalRerank: a LangChain document compressor over any reranker."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.callbacks import (
    Callbacks,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.runnables import RunnableConfig, RunnableLambda
from pydantic import ConfigDict, Field

from langchain_mmrerank.convert import to_contents, with_scores
from mmrerank.base import Reranker, collected_usage
from mmrerank.images.refs import BEST_IMAGE_KEY, IMAGES_KEY, RELEVANCE_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.types import Content, RerankResult

__all__ = ["USAGE_EVENT", "MultimodalRerank"]

USAGE_EVENT = "mmrerank_usage"
"""The name of the custom event that callbacks get, with the counts of a `mmrerank.Usage`."""


class MultimodalRerank(BaseDocumentCompressor):
    """Reranks documents by their text and the images that their metadata names.

    ::

        compressor = MultimodalRerank(reranker=OCRReranker(), top_n=5, image_root="images")
        ContextualCompressionRetriever(base_compressor=compressor, base_retriever=retriever)

    What comes back are copies of the documents, best first, with `relevance_score`,
    `retrieval_rank` (from 1), `retrieval_score` where they came with a score and, where an image
    helped, `best_image` in their metadata. After several rerankers `retrieval_rank` and
    `retrieval_score` are still those of the retrieval, before the first of them. The query may be a `Content` too, to ask with an image. Callbacks get a span, and a custom event
    `mmrerank_usage` with the counts of each call. Errors are those of `mmrerank.errors`.
    """

    reranker: Reranker = Field(exclude=True)
    top_n: int | None = Field(default=None, ge=1)
    """How many documents to keep; None keeps all."""
    min_score: float | None = None
    """Documents that score less are left out."""
    image_root: Any = Field(default=None, exclude=True)
    """The folder that image references are relative to; several; or a function of a document's
    metadata that names them."""
    image_key: Any = Field(default=IMAGES_KEY, exclude=True)
    """The metadata key of the image references; several; or a function of the metadata."""
    path_map: Mapping[str, str] | None = None
    """`{old: new}` beginnings of paths, for folders that have moved."""
    on_image_error: Literal["raise", "warn"] = "raise"
    """What to do about an image that cannot be used: "warn" keeps the document without it."""
    urls: Literal["refuse", "pass", "fetch"] = "refuse"
    """What to do about references that are URLs: "pass" lets the service fetch them."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str | Content,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """The documents, best first; copies with scores in their metadata."""
        reranked: list[Document] = []

        def work(counts: dict[str, Any]) -> dict[str, Any]:
            contents, refs = self._contents(documents)
            with collected_usage() as usage:
                try:
                    results = self.reranker.rerank(query, contents, self.top_n, self.min_score)
                finally:
                    for one in usage:
                        dispatch_custom_event(USAGE_EVENT, dataclasses.asdict(one))
            reranked.extend(_picked(documents, results, refs))
            return _counts(contents, results)

        self._span(work).invoke(self._asked(documents), _config(callbacks))
        return reranked

    async def acompress_documents(
        self,
        documents: Sequence[Document],
        query: str | Content,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """As `compress_documents`, without blocking the event loop."""
        reranked: list[Document] = []

        async def work(counts: dict[str, Any]) -> dict[str, Any]:
            contents, refs = await asyncio.to_thread(self._contents, documents)
            with collected_usage() as usage:
                try:
                    results = await self.reranker.arerank(
                        query, contents, self.top_n, self.min_score
                    )
                finally:
                    for one in usage:
                        await adispatch_custom_event(USAGE_EVENT, dataclasses.asdict(one))
            reranked.extend(_picked(documents, results, refs))
            return _counts(contents, results)

        await self._span(work).ainvoke(self._asked(documents), _config(callbacks))
        return reranked

    def rerank(
        self,
        documents: Sequence[Document | str],
        query: str | Content,
        *,
        top_n: int | None = None,
    ) -> list[dict[str, Any]]:
        """`[{"index", "relevance_score"}, ...]`, best first; `best_image` too where one helped.

        `top_n` here comes before the compressor's own.
        """
        contents, refs = self._contents(documents)
        most = self.top_n if top_n is None else top_n
        return _as_dicts(self.reranker.rerank(query, contents, most, self.min_score), refs)

    async def arerank(
        self,
        documents: Sequence[Document | str],
        query: str | Content,
        *,
        top_n: int | None = None,
    ) -> list[dict[str, Any]]:
        """As `rerank`, without blocking the event loop."""
        contents, refs = await asyncio.to_thread(self._contents, documents)
        most = self.top_n if top_n is None else top_n
        results = await self.reranker.arerank(query, contents, most, self.min_score)
        return _as_dicts(results, refs)

    def warm(self, documents: Sequence[Document], *, show_progress: bool = False) -> None:
        """Read the documents and their images ahead of any query, at indexing time."""
        self.reranker.warm(self._contents(documents)[0], show_progress=show_progress)

    def _contents(
        self, documents: Sequence[Document | str]
    ) -> tuple[list[Content], list[list[str]]]:
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        return to_contents(documents, resolver, self.reranker.max_images_per_document)

    def _asked(self, documents: Sequence[Document]) -> dict[str, Any]:
        """All that a trace gets to see of the input."""
        return {"model": self.reranker.model, "documents": len(documents)}

    def _span(self, work: Callable[[dict[str, Any]], Any]) -> RunnableLambda[Any, Any]:
        """A child run of its own: the retriever around a compressor gives it none."""
        return RunnableLambda(work, name=type(self).__name__)


def _picked(
    documents: Sequence[Document], results: Sequence[RerankResult], refs: list[list[str]]
) -> list[Document]:
    return [with_scores(documents[r.index], r, refs[r.index]) for r in results]


def _counts(contents: Sequence[Content], results: Sequence[RerankResult]) -> dict[str, Any]:
    """All that a trace gets to see of the work."""
    images = sum(len(content.images) for content in contents)
    return {"documents": len(results), "images_read": images}


def _config(callbacks: Callbacks | None) -> RunnableConfig:
    return RunnableConfig() if callbacks is None else RunnableConfig(callbacks=callbacks)


def _as_dicts(results: Sequence[RerankResult], refs: list[list[str]]) -> list[dict[str, Any]]:
    dicts: list[dict[str, Any]] = []
    for result in results:
        row: dict[str, Any] = {"index": result.index, RELEVANCE_KEY: result.relevance_score}
        if result.best_image is not None:
            row[BEST_IMAGE_KEY] = refs[result.index][result.best_image]
        dicts.append(row)
    return dicts
