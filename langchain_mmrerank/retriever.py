"""MultimodalRetriever: a vector store and a reranker in one retriever."""

from __future__ import annotations

from typing import Any, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field, field_validator, model_validator

from langchain_mmrerank.compressor import MultimodalRerank
from mmrerank.errors import InvalidInputError
from mmrerank.frameworks import LANGCHAIN, wrong_type
from mmrerank.images.refs import RETRIEVAL_RANK_KEY, RETRIEVAL_SCORE_KEY

__all__ = ["MultimodalRetriever"]


class MultimodalRetriever(BaseRetriever):
    """Fetches `fetch_k` candidates from a vector store, reranks them and returns `top_n`.

    Unlike `ContextualCompressionRetriever`, it keeps the store's own score of each candidate, as
    `retrieval_score` (a distance in some stores, a similarity in others). Raises
    `InvalidInputError` for a `fetch_k` or `top_n` below 1, and what the compressor raises.
    """

    vector_store: VectorStore
    compressor: MultimodalRerank
    fetch_k: int = Field(default=50, ge=1)
    """How many candidates to fetch; more if `top_n` is larger."""
    top_n: int | None = Field(default=None, ge=1)
    """Overrides the compressor's own `top_n`. `invoke` takes both for one call: `top_n=3`."""
    k: int | None = Field(default=None, ge=1)
    """LangChain's name for `top_n`: the number of documents that come back."""
    search_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Passed to the vector store's search, for example a filter."""

    model_config = ConfigDict(
        hide_input_in_errors=True,  # it may be a key, given under another name
        arbitrary_types_allowed=True,
        extra="forbid",
        validate_assignment=True,
    )

    @field_validator("vector_store", mode="before")
    @classmethod
    def _check_store(cls, value: object) -> object:
        if not isinstance(value, VectorStore):
            raise wrong_type("vector_store", value, "VectorStore", framework=LANGCHAIN)
        return value

    @field_validator("compressor", mode="before")
    @classmethod
    def _check_compressor(cls, value: object) -> object:
        if not isinstance(value, MultimodalRerank):
            raise wrong_type("compressor", value, "MultimodalRerank", framework=LANGCHAIN)
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        _one_of(self.top_n, self.k)
        return self

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        top_n: int | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
    ) -> list[Document]:
        compressor = self._compressor(_one_of(top_n, k))
        candidates = self._search(query, self._candidate_count(fetch_k, compressor))
        return compressor.compress_documents(candidates, query, run_manager.get_child())

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        top_n: int | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
    ) -> list[Document]:
        compressor = self._compressor(_one_of(top_n, k))
        candidates = await self._asearch(query, self._candidate_count(fetch_k, compressor))
        return await compressor.acompress_documents(candidates, query, run_manager.get_child())

    def _candidate_count(self, fetch_k: int | None, compressor: MultimodalRerank) -> int:
        """The call's own `fetch_k`, else the retriever's, but never fewer than `top_n`."""
        _check_count("fetch_k", fetch_k)
        return fetch_k if fetch_k is not None else max(self.fetch_k, compressor.top_n or 1)

    def _compressor(self, top_n: int | None) -> MultimodalRerank:
        _check_count("top_n", top_n)
        limit = _one_of(self.top_n, self.k) if top_n is None else top_n
        if limit is None:
            return self.compressor
        return self.compressor.model_copy(update={"top_n": limit})

    def _search(self, query: str, k: int) -> list[Document]:
        try:
            return _with_store_scores(
                self.vector_store.similarity_search_with_score(query, k=k, **self.search_kwargs)
            )
        except NotImplementedError:  # a store without scores
            return self.vector_store.similarity_search(query, k=k, **self.search_kwargs)

    async def _asearch(self, query: str, k: int) -> list[Document]:
        try:
            return _with_store_scores(
                await self.vector_store.asimilarity_search_with_score(
                    query, k=k, **self.search_kwargs
                )
            )
        except NotImplementedError:
            return await self.vector_store.asimilarity_search(query, k=k, **self.search_kwargs)


def _one_of(top_n: int | None, k: int | None) -> int | None:
    """`top_n` by either of its names. Raises `InvalidInputError` if both are given."""
    if top_n is not None and k is not None:
        raise InvalidInputError("top_n and k are two names of one number: pass one of them")
    return k if top_n is None else top_n


def _check_count(name: str, count: object) -> None:
    """Raise `InvalidInputError` unless `count` is None or an integer from 1 on."""
    if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 1):
        return
    raise InvalidInputError(f"{name} must be a positive integer or None, not {count!r}")


def _with_store_scores(hits: list[tuple[Document, float]]) -> list[Document]:
    scored: list[Document] = []
    for document, score in hits:
        metadata = {**document.metadata, RETRIEVAL_SCORE_KEY: float(score)}
        metadata.pop(RETRIEVAL_RANK_KEY, None)  # left from another retrieval
        scored.append(document.model_copy(update={"metadata": metadata}))
    return scored
