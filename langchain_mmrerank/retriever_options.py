"""The keywords of LangChain's `MultimodalRetriever`."""

from __future__ import annotations

from typing import Any, TypedDict

from mmrerank.images.resolve import ImageRoot
from mmrerank.index.filters import Where
from mmrerank.index.hits import Routes
from mmrerank.index.rank_fusion import Fusion

__all__ = ["RetrieverOptions"]


class RetrieverOptions(TypedDict, total=False):
    """Keywords of LangChain's `MultimodalRetriever`, beside what it searches."""

    fetch_k: int
    """How many candidates to fetch; more if `top_n` is larger. Default 50."""

    top_n: int | None
    """How many documents come back. Default: the compressor's own `top_n`; 5 from an index."""

    k: int | None
    """LangChain's name for `top_n`."""

    search_kwargs: dict[str, Any]
    """With `vector_store`: passed to its search, for example a filter."""

    where: Where | None
    """With `index`: conditions for the entries, such as `{"file": "report.pdf", "page": (3, 9)}`."""

    routes: Routes
    """With `index`: some of "words", "vectors", "captions" and "images", or a mapping with the
    weight of each. Default: all that the index has, with equal weights."""

    fusion: Fusion
    """With `index`: how the routes are made one, by "ranks" (default) or normalised "scores"."""

    query_image_root: ImageRoot | None
    """With `index`: the folder, or folders, under which the path of a query's image must lie."""

    rerank_captions: bool
    """With `index`: the reranker reads generated captions of figures, too. Default: False."""

    tags: list[str] | None
    """LangChain's own: tags of the retriever's runs."""

    metadata: dict[str, Any] | None
    """LangChain's own: metadata of the retriever's runs."""
