"""OCRMiniLMReranker: the embedded reranker with a small model of meaning beside the words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import pstdev

from mmrerank.errors import UnsupportedOperationError
from mmrerank.explanation import Explanation, Method
from mmrerank.ocr.reranker import OCRReranker, Statistics
from mmrerank.retrieval.minilm import MiniLMEmbedder
from mmrerank.types import Content, Usage

__all__ = ["OCRMiniLMReranker"]

_WEIGHT = 0.5
"""The weight of the cosines, once they are scaled to the spread of the scores. The order is that of
a weighted sum of z-scores, and scores stay between 0 and 1."""


class OCRMiniLMReranker(OCRReranker):
    """`OCRReranker`, mixed at half weight with the cosines of `MiniLMEmbedder`; English.

    It also finds documents that say what is asked in other words. A call computes vectors for the
    documents that are new: 50 chunks take one to three seconds on a CPU, the next call with them a
    few milliseconds. Raises what both raise.
    """

    model = "ocr-bm25-minilm"

    def __init__(
        self,
        *,
        cache_dir: str | Path | None = "auto",
        ocr: bool = True,
        max_images_per_document: int = 4,
        show_progress: bool = False,
        statistics: Statistics | None = None,
        embedder: MiniLMEmbedder | None = None,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(
            cache_dir=cache_dir,
            ocr=ocr,
            max_images_per_document=max_images_per_document,
            show_progress=show_progress,
            statistics=statistics,
            on_usage=on_usage,
        )
        self._embedder = embedder or MiniLMEmbedder()

    def _explain(
        self, query: Content, document: Content, method: Method | None, candidates: list[Content]
    ) -> Explanation:
        raise UnsupportedOperationError(
            f"{type(self).__name__} cannot explain its scores, since cosines of whole texts are "
            "mixed into them; OCRReranker explains its own"
        )

    def _mixed(self, scores: list[float], query: str, texts: Sequence[str]) -> list[float]:
        if not query.strip():
            return scores
        query_vector, *vectors = self._embedder.embed_texts([query, *texts])
        cosines = [
            max(0.0, sum(a * b for a, b in zip(query_vector, vector, strict=True)))
            if text.strip()
            else 0.0
            for text, vector in zip(texts, vectors, strict=True)
        ]
        weight = _WEIGHT * _ratio(pstdev(scores), pstdev(cosines))
        return [
            (score + weight * cosine) / (1 + weight)
            for score, cosine in zip(scores, cosines, strict=True)
        ]


def _ratio(spread: float, other: float) -> float:
    """How much wider scores spread than cosines; where one does not spread, the other decides."""
    if other == 0.0:
        return 0.0
    return spread / other if spread else 1.0
