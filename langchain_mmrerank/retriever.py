"""MultimodalRetriever: a vector store and a reranker in one retriever."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field

from langchain_mmrerank.compressor import MultimodalRerank
from mmrerank.errors import InvalidInputError
from mmrerank.images.refs import RETRIEVAL_RANK_KEY, RETRIEVAL_SCORE_KEY

__all__ = ["MultimodalRetriever"]


class MultimodalRetriever(BaseRetriever):
    """Fetches `fetch_k` candidates from a vector store, reranks them and returns `top_n`.

    Beside `ContextualCompressionRetriever` it keeps the store's own score of each candidate, as
    `retrieval_score` (a distance in some stores, a similarity in others).
    """

    vector_store: VectorStore
    compressor: MultimodalRerank
    fetch_k: int = Field(default=50, ge=1)
    top_n: int | None = Field(default=None, ge=1)
    """Comes before the compressor's own `top_n`; both may be given in `invoke(..., top_n=3)`."""
    search_kwargs: dict[str, Any] = Field(default_factory=dict)
    """For the vector store's search: a filter, for example."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        top_n: int | None = None,
        fetch_k: int | None = None,
    ) -> list[Document]:
        compressor = self._cut_to(top_n)
        found = self._search(query, self._depth(fetch_k, compressor))
        return compressor.compress_documents(found, query, run_manager.get_child())

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        top_n: int | None = None,
        fetch_k: int | None = None,
    ) -> list[Document]:
        compressor = self._cut_to(top_n)
        found = await self._asearch(query, self._depth(fetch_k, compressor))
        return await compressor.acompress_documents(found, query, run_manager.get_child())

    def _depth(self, fetch_k: int | None, compressor: MultimodalRerank) -> int:
        """How many candidates to fetch: what the call says, else never fewer than are wanted."""
        if fetch_k is not None and fetch_k < 1:
            raise InvalidInputError(f"fetch_k is at least 1, not {fetch_k}")
        return fetch_k if fetch_k is not None else max(self.fetch_k, compressor.top_n or 1)

    def _cut_to(self, top_n: int | None) -> MultimodalRerank:
        most = self.top_n if top_n is None else top_n
        if most is None:
            return self.compressor
        return self.compressor.model_copy(update={"top_n": most})

    def _search(self, query: str, k: int) -> list[Document]:
        try:
            return _scored(
                self.vector_store.similarity_search_with_score(query, k=k, **self.search_kwargs)
            )
        except NotImplementedError:  # a store that keeps its scores to itself
            return self.vector_store.similarity_search(query, k=k, **self.search_kwargs)

    async def _asearch(self, query: str, k: int) -> list[Document]:
        try:
            return _scored(
                await self.vector_store.asimilarity_search_with_score(
                    query, k=k, **self.search_kwargs
                )
            )
        except NotImplementedError:
            return await self.vector_store.asimilarity_search(query, k=k, **self.search_kwargs)


def _scored(found: list[tuple[Document, float]]) -> list[Document]:
    scored: list[Document] = []
    for document, score in found:
        metadata = {**document.metadata, RETRIEVAL_SCORE_KEY: float(score)}
        metadata.pop(RETRIEVAL_RANK_KEY, None)  # of another retrieval, if it was stored
        scored.append(document.model_copy(update={"metadata": metadata}))
    return scored
