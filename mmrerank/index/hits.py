"""Search results of an index."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hit", "HitImage"]


@dataclass(frozen=True, slots=True)
class HitImage:
    """An image of a result: its path under the image root, and its page and caption if known."""

    path: str
    page: int | None
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result. Ranks count from 1; `retrieval_score` is a cosine similarity."""

    rank: int
    score: float
    retrieval_rank: int
    retrieval_score: float
    source: str
    page: int | None
    text: str
    images: list[HitImage]
    best_image: str | None
