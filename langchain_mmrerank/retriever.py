"""MultimodalRetriever: an index, or a vector store and a reranker, as one retriever."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self, Unpack

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from langchain_mmrerank.compressor import MultimodalRerank
from langchain_mmrerank.convert import from_hit
from langchain_mmrerank.retriever_options import RetrieverOptions
from langchain_mmrerank.runs import arun, run
from mmrerank.adapter_options import QueryImage, check_count, open_index, query_with_image
from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError
from mmrerank.frameworks import LANGCHAIN, wrong_type
from mmrerank.images.refs import RETRIEVAL_RANK_KEY, RETRIEVAL_SCORE_KEY
from mmrerank.images.resolve import ImageRoot
from mmrerank.index.filters import Where
from mmrerank.index.hits import Hit, Routes
from mmrerank.index.index import Index
from mmrerank.index.rank_fusion import Fusion

__all__ = ["MultimodalRetriever", "RetrieverOptions"]

_INDEX_RUN = "IndexSearch"

_FOR_AN_INDEX = {"reranker", "where", "routes", "fusion", "query_image_root", "rerank_captions"}

_TOP_N = 5  # results from an index where no number is given


class MultimodalRetriever(BaseRetriever):
    """Searches an index, or a vector store, and returns the reranked documents, best first.

    ::

        MultimodalRetriever(index="index", reranker=OCRReranker(), top_n=5)
        MultimodalRetriever(vector_store=store, compressor=MultimodalRerank(...), top_n=5)

    `index` is a `mmrerank.index.Index` or the folder of one, which stays open; its images lie under
    `retriever.index.image_root`. Without a `reranker`, its documents come in the order in which
    the index found them. Their metadata is the loader's, with the keys that `MultimodalRerank`
    writes.

    With a vector store, unlike `ContextualCompressionRetriever`, the store's own score of each
    candidate is kept as `retrieval_score` (a distance in some stores, a similarity in others).

    `invoke` takes `top_n` (or `k`), `fetch_k` and, for an index, `where`, `routes` and `image` for
    one call. `image` is an image of the query, whose text may be empty: an `Image`, the bytes of a
    file, or a path. Where users name the path, set `query_image_root`; otherwise any file is opened.

    Raises `StoreError` for an index that does not exist, is closed, or cannot be searched,
    `InvalidInputError` for a `fetch_k` or `top_n` below 1, and what the compressor or reranker
    raises; pydantic's `ValidationError` for unknown keywords and those that do not go together.
    """

    vector_store: SkipJsonSchema[VectorStore | None] = None
    compressor: MultimodalRerank | None = None
    index: SkipJsonSchema[Index | None] = Field(default=None, exclude=True)
    reranker: SkipJsonSchema[Reranker | None] = Field(default=None, exclude=True)
    fetch_k: int = Field(default=50, ge=1)
    top_n: int | None = Field(default=None, ge=1)
    k: int | None = Field(default=None, ge=1)
    search_kwargs: dict[str, Any] = Field(default_factory=dict)
    where: dict[str, Any] | None = None
    routes: Routes | None = None
    fusion: Fusion = "ranks"
    query_image_root: SkipJsonSchema[ImageRoot | None] = None
    rerank_captions: bool = False

    model_config = ConfigDict(
        hide_input_in_errors=True,  # it may be a key, given under another name
        arbitrary_types_allowed=True,
        extra="forbid",
        validate_assignment=True,
    )

    def __init__(
        self,
        *,
        vector_store: VectorStore | None = None,
        compressor: MultimodalRerank | None = None,
        index: Index | str | os.PathLike[str] | None = None,
        reranker: Reranker | None = None,
        **options: Unpack[RetrieverOptions],
    ) -> None:
        parts = {
            "vector_store": vector_store,
            "compressor": compressor,
            "index": index,
            "reranker": reranker,
        }
        given: dict[str, Any] = {name: part for name, part in parts.items() if part is not None}
        given |= options
        super().__init__(**given)

    @field_validator("vector_store", mode="before")
    @classmethod
    def _check_store(cls, value: object) -> object:
        if value is not None and not isinstance(value, VectorStore):
            raise wrong_type("vector_store", value, "VectorStore", framework=LANGCHAIN)
        return value

    @field_validator("compressor", mode="before")
    @classmethod
    def _check_compressor(cls, value: object) -> object:
        if value is not None and not isinstance(value, MultimodalRerank):
            raise wrong_type("compressor", value, "MultimodalRerank", framework=LANGCHAIN)
        return value

    @field_validator("index", mode="before")
    @classmethod
    def _open_index(cls, value: object) -> Index | None:
        return None if value is None else open_index(value)

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        _one_of(self.top_n, self.k)
        if self.index is None and (self.vector_store is None or self.compressor is None):
            raise InvalidInputError("pass index=..., or vector_store=... with compressor=...")
        others = {"vector_store", "compressor", "search_kwargs"}
        foreign = others if self.index is not None else _FOR_AN_INDEX
        if wrong := sorted(foreign & self.model_fields_set):
            searched = "an index" if self.index is not None else "a vector_store"
            raise InvalidInputError(f"{', '.join(wrong)}: not for a retriever over {searched}")
        return self

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        top_n: int | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
        where: Where | None = None,
        routes: Routes | None = None,
        image: QueryImage | None = None,
    ) -> list[Document]:
        limit = self._limit(top_n, k, fetch_k)
        callbacks = run_manager.get_child()
        if self.index is not None:
            index, options = self.index, self._search_options(limit, fetch_k, where, routes)
            content = query_with_image(query, image, self.query_image_root)

            def work() -> tuple[list[Document], dict[str, Any]]:
                hits = index.search(content, self.reranker, **options)
                return self._documents(hits), {"documents": len(hits)}

            return run(_INDEX_RUN, self._trace_input(options), work, callbacks)
        compressor = self._compressor(limit, where, routes, image)
        candidates = self._search(query, self._candidate_count(fetch_k, compressor))
        return compressor.compress_documents(candidates, query, callbacks)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        top_n: int | None = None,
        k: int | None = None,
        fetch_k: int | None = None,
        where: Where | None = None,
        routes: Routes | None = None,
        image: QueryImage | None = None,
    ) -> list[Document]:
        limit = self._limit(top_n, k, fetch_k)
        callbacks = run_manager.get_child()
        if self.index is not None:
            index, options = self.index, self._search_options(limit, fetch_k, where, routes)
            content = query_with_image(query, image, self.query_image_root)

            async def work() -> tuple[list[Document], dict[str, Any]]:
                hits = await index.asearch(content, self.reranker, **options)
                return self._documents(hits), {"documents": len(hits)}

            return await arun(_INDEX_RUN, self._trace_input(options), work, callbacks)
        compressor = self._compressor(limit, where, routes, image)
        candidates = await self._asearch(query, self._candidate_count(fetch_k, compressor))
        return await compressor.acompress_documents(candidates, query, callbacks)

    def _limit(self, top_n: int | None, k: int | None, fetch_k: int | None) -> int | None:
        """The call's own `top_n`, else the retriever's."""
        limit = _one_of(top_n, k)
        check_count("top_n", limit)
        check_count("fetch_k", fetch_k)
        return _one_of(self.top_n, self.k) if limit is None else limit

    # -- from an index

    def _search_options(
        self,
        top_n: int | None,
        fetch_k: int | None,
        where: Where | None,
        routes: Routes | None,
    ) -> dict[str, Any]:
        return {
            "top_n": _TOP_N if top_n is None else top_n,
            "fetch_k": self.fetch_k if fetch_k is None else fetch_k,
            "where": self.where if where is None else where,
            "routes": self.routes if routes is None else routes,
            "rerank_captions": self.rerank_captions,
            "fusion": self.fusion,
        }

    def _documents(self, hits: Sequence[Hit]) -> list[Document]:
        return [from_hit(hit, reranked=self.reranker is not None) for hit in hits]

    def _trace_input(self, options: dict[str, Any]) -> dict[str, Any]:
        """What a trace shows of the input: the reranker's model and counts, no content."""
        model = None if self.reranker is None else self.reranker.model
        return {"model": model, "top_n": options["top_n"], "fetch_k": options["fetch_k"]}

    # -- from a vector store

    def _compressor(
        self,
        top_n: int | None,
        where: Where | None,
        routes: Routes | None,
        image: QueryImage | None,
    ) -> MultimodalRerank:
        if any(option is not None for option in (where, routes, image)):
            raise InvalidInputError("where, routes and image are for a retriever over an index")
        assert self.compressor is not None  # _check_parts saw to it
        if top_n is None:
            return self.compressor
        return self.compressor.model_copy(update={"top_n": top_n})

    def _candidate_count(self, fetch_k: int | None, compressor: MultimodalRerank) -> int:
        """The call's own `fetch_k`, else the retriever's, but never fewer than `top_n`."""
        return fetch_k if fetch_k is not None else max(self.fetch_k, compressor.top_n or 1)

    def _search(self, query: str, k: int) -> list[Document]:
        store = self._store()
        try:
            return _with_store_scores(
                store.similarity_search_with_score(query, k=k, **self.search_kwargs)
            )
        except NotImplementedError:  # a store without scores
            return store.similarity_search(query, k=k, **self.search_kwargs)

    async def _asearch(self, query: str, k: int) -> list[Document]:
        store = self._store()
        try:
            return _with_store_scores(
                await store.asimilarity_search_with_score(query, k=k, **self.search_kwargs)
            )
        except NotImplementedError:
            return await store.asimilarity_search(query, k=k, **self.search_kwargs)

    def _store(self) -> VectorStore:
        assert self.vector_store is not None  # _check_parts saw to it
        return self.vector_store


def _one_of(top_n: int | None, k: int | None) -> int | None:
    """`top_n` by either of its names. Raises `InvalidInputError` if both are given."""
    if top_n is not None and k is not None:
        raise InvalidInputError("top_n and k are two names of one number: pass one of them")
    return k if top_n is None else top_n


def _with_store_scores(hits: list[tuple[Document, float]]) -> list[Document]:
    scored: list[Document] = []
    for document, score in hits:
        metadata = {**document.metadata, RETRIEVAL_SCORE_KEY: float(score)}
        metadata.pop(RETRIEVAL_RANK_KEY, None)  # left from another retrieval
        scored.append(document.model_copy(update={"metadata": metadata}))
    return scored
