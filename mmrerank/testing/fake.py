"""A deterministic reranker without a model."""

from __future__ import annotations

from collections.abc import Callable

from mmrerank.base import Reranker
from mmrerank.fusion import Fusion, fan_out, max_score, split_query
from mmrerank.testing.scoring import ScoreFunction, overlap
from mmrerank.types import Content, Modalities, Scored, Usage

__all__ = ["FakeReranker"]


class FakeReranker(Reranker):
    """A deterministic reranker without a model; documents are fanned out as for m0.

    `score_item(query, item)` scores one part (text, or one image); by default `overlap`.
    `modalities` defaults to those of m0. `calls` counts the calls that scored documents.
    """

    model = "fake"

    def __init__(
        self,
        score_item: ScoreFunction = overlap,
        *,
        modalities: Modalities | None = None,
        fusion: Fusion = max_score,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        self.modalities = modalities or Modalities(image=True, query_image=True, blank_text=True)
        self.calls = 0
        self._score_item = score_item
        self._fusion = fusion

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        self.calls += 1
        plan = fan_out(documents, self.modalities, max_images=self.max_images_per_document)
        query_parts = split_query(query, self.modalities)
        images = sum(len(item.images) for item in plan.items)
        self._report(
            Usage(model=self.model, documents=len(documents), parts=len(plan.items), images=images)
        )
        scores = [
            sum(self._score_item(part, item) for part in query_parts) / len(query_parts)
            for item in plan.items
        ]
        return plan.fuse(scores, self._fusion)
