"""MultimodalRerank: a LangChain document compressor over any reranker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn, Unpack

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from langchain_mmrerank.convert import check_documents, to_contents, with_result_of, with_scores
from langchain_mmrerank.runs import USAGE_EVENT, arun, run
from mmrerank.adapter_options import RerankOptions, choose_reranker
from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError
from mmrerank.images.key_check import warn_if_key_looks_wrong
from mmrerank.images.refs import BEST_IMAGE_KEY, IMAGES_KEY, RELEVANCE_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.result_metadata import merged_figures
from mmrerank.types import Content, RerankResult

__all__ = ["USAGE_EVENT", "MultimodalRerank"]


class MultimodalRerank(BaseDocumentCompressor):
    """Reranks documents by their text and by the images that their metadata names.

    ::

        compressor = MultimodalRerank(reranker=OCRReranker(), top_n=5, image_root="images")
        ContextualCompressionRetriever(base_compressor=compressor, base_retriever=retriever)

    The result is copies of the documents, best first. Their metadata has `relevance_score`,
    `retrieval_rank` (from 1), `retrieval_score` if the document came with a score, and `best_image`
    if an image scored best. After several rerankers, `retrieval_rank` and `retrieval_score` are
    still those of the retrieval, before the first reranker. To ask with an image, pass a `Content`
    as the query. Callbacks see one run for each call, and a custom event `mmrerank_usage` with the
    counts of its usage. All errors are those of `mmrerank.errors`.

    `reranker` is any reranker. A `model` in its place is the name of a model of Jina's API, with
    its `api_key`. Other keywords: `RerankOptions`. Raises pydantic's `ValidationError` for unknown
    keywords and unusable values, `InvalidInputError` and `AuthenticationError` for the reranker.
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
        **options: Unpack[RerankOptions],
    ) -> None:
        # The key never is a field, so that it is in no dump and in no error of pydantic's.
        chosen = choose_reranker(reranker, model, api_key)
        fields: dict[str, Any] = {"reranker": chosen, **options}
        super().__init__(**fields)

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str | Content,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """Copies of the documents with scores in their metadata, best first; [] for no documents.

        Raises `InvalidInputError` for an empty query or something that is not a Document,
        `ImageError` for an image that cannot be used, and what the reranker raises.
        """
        check_documents(documents)

        def work() -> tuple[list[Document], dict[str, Any]]:
            contents, refs = self._contents(documents)
            results = self.reranker.rerank(query, contents, self._rerank_top_n(), self.min_score)
            return self._with_results(documents, results, refs), _trace_output(contents, results)

        return run(type(self).__name__, self._trace_input(documents), work, callbacks)

    async def acompress_documents(
        self,
        documents: Sequence[Document],
        query: str | Content,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """As `compress_documents`, without blocking the event loop."""
        check_documents(documents)

        async def work() -> tuple[list[Document], dict[str, Any]]:
            contents, refs = await asyncio.to_thread(self._contents, documents)
            results = await self.reranker.arerank(
                query, contents, self._rerank_top_n(), self.min_score
            )
            return self._with_results(documents, results, refs), _trace_output(contents, results)

        return await arun(type(self).__name__, self._trace_input(documents), work, callbacks)

    def rerank(
        self,
        documents: Sequence[Document | str],
        query: str | Content,
        *,
        top_n: int | None = None,
    ) -> list[dict[str, Any]]:
        """`[{"index", "relevance_score"}, ...]`, best first, with `best_image` if an image won.

        `top_n` overrides the compressor's own. Raises as `compress_documents` does.
        """
        contents, refs = self._contents(documents)
        limit = self.top_n if top_n is None else top_n
        return _as_dicts(self.reranker.rerank(query, contents, limit, self.min_score), refs)

    async def arerank(
        self,
        documents: Sequence[Document | str],
        query: str | Content,
        *,
        top_n: int | None = None,
    ) -> list[dict[str, Any]]:
        """As `rerank`, without blocking the event loop."""
        contents, refs = await asyncio.to_thread(self._contents, documents)
        limit = self.top_n if top_n is None else top_n
        results = await self.reranker.arerank(query, contents, limit, self.min_score)
        return _as_dicts(results, refs)

    def warm(self, documents: Sequence[Document], *, show_progress: bool = False) -> None:
        """Read the documents and their images ahead of any query, at indexing time.

        Raises as `compress_documents` does.
        """
        self.reranker.warm(self._contents(documents)[0], show_progress=show_progress)

    def _contents(
        self, documents: Sequence[Document | str]
    ) -> tuple[list[Content], list[list[str]]]:
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        contents, refs = to_contents(documents, resolver, self.reranker.max_images_per_document)
        if self.reranker.modalities.image and not any(refs):
            metadata = (item.metadata for item in documents if isinstance(item, Document))
            warn_if_key_looks_wrong(metadata, self.image_key)
        return contents, refs

    def _rerank_top_n(self) -> int | None:
        """None where results are merged first: there must be enough of them."""
        return None if self.merge_figures else self.top_n

    def _with_results(
        self, documents: Sequence[Document], results: Sequence[RerankResult], refs: list[list[str]]
    ) -> list[Document]:
        scored = {r.index: with_scores(documents[r.index], r, refs[r.index]) for r in results}
        if not self.merge_figures:
            return list(scored.values())
        metadata = [document.metadata for document in documents]
        merged = merged_figures(metadata, results, refs, self.image_key)
        return [
            with_result_of(scored[one.result.index], documents[one.document], one.best_image)
            for one in merged[: self.top_n]
        ]

    def postprocess_nodes(self, *_: Any, **__: Any) -> NoReturn:
        """Raises `InvalidInputError`: this class is not LlamaIndex's."""
        raise InvalidInputError(
            "this MultimodalRerank is LangChain's; in LlamaIndex, use the one of llama_index_mmrerank"
        )

    apostprocess_nodes = postprocess_nodes
    callback_manager = property(None, postprocess_nodes)  # LlamaIndex's engines set it first

    def _trace_input(self, documents: Sequence[Document]) -> dict[str, Any]:
        """What a trace shows of the input: counts, no content."""
        return {"model": self.reranker.model, "documents": len(documents)}


def _trace_output(contents: Sequence[Content], results: Sequence[RerankResult]) -> dict[str, Any]:
    """What a trace shows of the result: counts, no content."""
    images = sum(len(content.images) for content in contents)
    return {"documents": len(results), "images_read": images}


def _as_dicts(results: Sequence[RerankResult], refs: list[list[str]]) -> list[dict[str, Any]]:
    dicts: list[dict[str, Any]] = []
    for result in results:
        row: dict[str, Any] = {"index": result.index, RELEVANCE_KEY: result.relevance_score}
        if result.best_image is not None:
            row[BEST_IMAGE_KEY] = refs[result.index][result.best_image]
        dicts.append(row)
    return dicts
