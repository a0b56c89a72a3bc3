"""Search results of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ROUTES", "Hit", "HitImage"]

ROUTES = ("words", "vectors")
"""The names of the routes, all of which a search takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class HitImage:
    """An image of a result: its path under the image root, and its page and caption if known.

    `file` is the absolute path, to open it.
    """

    path: str
    page: int | None
    caption: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result. Ranks count from 1.

    `matched_in_text` and `matched_in_image` are the words of the query that the text and the best
    image have. `retrieval_rank` and `retrieval_score` are those of the routes' fusion; `routes` has the rank on
    each route that found the entry. `best_image` is the path of the image that scored best.
    `id` and `metadata` are those that the loader gave the chunk. `is_scored` is False if a failed
    call of the reranker left the candidates in the order of the routes.
    """

    rank: int
    score: float
    retrieval_rank: int
    retrieval_score: float
    source: str
    page: int | None
    text: str
    images: list[HitImage]
    best_image: str | None
    kind: str = "text"
    routes: Mapping[str, int] = field(default_factory=dict)
    matched_in_text: Sequence[str] = ()
    matched_in_image: Sequence[str] = ()
    id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_scored: bool = True
