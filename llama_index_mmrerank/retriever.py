"""MultimodalRetriever: an index, or any LlamaIndex retriever and a reranker, as one retriever."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_mmrerank.answers import ImagePostprocessor
from llama_index_mmrerank.convert import from_hit
from llama_index_mmrerank.postprocessor import MultimodalRerank
from mmrerank.adapter_options import check_count, open_index, query_with_image
from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError
from mmrerank.frameworks import LLAMA_INDEX, wrong_type
from mmrerank.images.resolve import ImageRoot
from mmrerank.index.filters import Where
from mmrerank.index.hits import Hit, Routes
from mmrerank.index.index import Index
from mmrerank.index.rank_fusion import Fusion
from mmrerank.types import Content

__all__ = ["MultimodalRetriever"]

_SEARCH = {"similarity_top_k": "fetch_k"}
"""The keywords that have another name in `Index.search`."""

_OURS = ("reranker", "with_images", "query_image_root")
"""The keywords that are not passed to `Index.search`."""


class MultimodalRetriever(BaseRetriever):
    """Searches an index, or asks another retriever, and returns the reranked nodes, best first.

    ::

        MultimodalRetriever(index="index", reranker=OCRReranker(), top_n=5)
        MultimodalRetriever(store_index.as_retriever(similarity_top_k=50), MultimodalRerank(...))

    `index` is a `mmrerank.index.Index` or the folder of one, which stays open; its images lie under
    `retriever.index.image_root`. `similarity_top_k` candidates (50 unless given) are found by
    `routes` (all of "words", "vectors", "captions" and "images" that the index has, unless given),
    whose `fusion` is by "ranks" or normalised "scores", among the entries that meet `where`,
    such as `{"file": "report.pdf", "page": (3, 9)}`; `top_n` nodes (5) come back. With
    `rerank_captions` the reranker reads generated captions of figures, too. Without a
    `reranker`, they come in the order in which the index found them. Their metadata is the loader's,
    with the keys that `MultimodalRerank` writes. `with_images` gives the nodes their images, for
    engines with `multimodal=True`: True, or one of the other ways of `ImagePostprocessor`. A query
    with an image is a `QueryBundle` with `image_path`, whose text may be empty; where users name
    the path, set `query_image_root` to the folder under which it must lie, otherwise any file is
    opened.

    The second form is for places that take a retriever but no postprocessors; give `retriever` a
    large `similarity_top_k`. Other keywords are LlamaIndex's own.

    Raises `StoreError` for an index that does not exist, is closed, or cannot be searched,
    `InvalidInputError` for parts and options that cannot be used, and what the reranker or the
    retriever raises.
    """

    def __init__(
        self,
        retriever: BaseRetriever | None = None,
        rerank: MultimodalRerank | None = None,
        *,
        index: Index | str | os.PathLike[str] | None = None,
        reranker: Reranker | None = None,
        similarity_top_k: int | None = None,
        top_n: int | None = None,
        where: Where | None = None,
        routes: Routes | None = None,
        rerank_captions: bool = False,
        with_images: bool | Literal["separate", "words"] = False,
        fusion: Fusion | None = None,
        query_image_root: ImageRoot | None = None,
        **options: Any,
    ) -> None:
        check_count("similarity_top_k", similarity_top_k)
        check_count("top_n", top_n)
        given: dict[str, Any] = {
            "reranker": reranker,
            "similarity_top_k": similarity_top_k,
            "top_n": top_n,
            "where": where,
            "routes": routes,
            "rerank_captions": rerank_captions or None,
            "with_images": with_images or None,
            "fusion": fusion,
            "query_image_root": query_image_root,
        }
        given = {name: value for name, value in given.items() if value is not None}
        _check_parts(index, retriever, rerank, given)
        super().__init__(**options)
        self.index = None if index is None else open_index(index)
        self._retriever, self._rerank, self._reranker = retriever, rerank, reranker
        self._query_image_root = query_image_root
        self._images = _image_postprocessor(self.index, with_images)
        self._options = {
            _SEARCH.get(name, name): given[name] for name in given if name not in _OURS
        }

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self.index is not None:
            query = self._query(query_bundle)
            nodes = self._nodes(self.index.search(query, self._reranker, **self._options))
            return nodes if self._images is None else self._images.postprocess_nodes(nodes)
        assert self._retriever is not None
        assert self._rerank is not None
        candidates = self._retriever.retrieve(query_bundle)
        return self._rerank.postprocess_nodes(candidates, query_bundle)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self.index is not None:
            query = self._query(query_bundle)
            nodes = self._nodes(await self.index.asearch(query, self._reranker, **self._options))
            return nodes if self._images is None else await self._images.apostprocess_nodes(nodes)
        assert self._retriever is not None
        assert self._rerank is not None
        candidates = await self._retriever.aretrieve(query_bundle)
        return await self._rerank.apostprocess_nodes(candidates, query_bundle)

    def _query(self, query: QueryBundle) -> str | Content:
        return query_with_image(query.query_str, query.image_path, self._query_image_root)

    def _nodes(self, hits: Sequence[Hit]) -> list[NodeWithScore]:
        return [from_hit(hit, reranked=self._reranker is not None) for hit in hits]


def _image_postprocessor(
    index: Index | None, with_images: bool | Literal["separate", "words"]
) -> ImagePostprocessor | None:
    if index is None or with_images is False:
        return None
    images: Literal["send", "separate", "words"] = "send" if with_images is True else with_images
    return ImagePostprocessor(images=images, image_root=index.image_root)


def _check_parts(index: object, retriever: object, rerank: object, given: dict[str, Any]) -> None:
    """Raise `InvalidInputError` for parts that are missing or do not go together."""
    if index is not None:
        if retriever is not None or rerank is not None:
            raise InvalidInputError("pass index=..., or a retriever and a rerank, not both")
        return
    if retriever is None and rerank is None:
        raise InvalidInputError("pass index=..., or a retriever and a rerank")
    if not isinstance(retriever, BaseRetriever):
        raise wrong_type("retriever", retriever, "BaseRetriever", framework=LLAMA_INDEX)
    if not isinstance(rerank, MultimodalRerank):
        raise wrong_type("rerank", rerank, "MultimodalRerank", framework=LLAMA_INDEX)
    if given:
        raise InvalidInputError(f"{', '.join(given)}: only for a retriever over an index")
