"""Search results of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["ROUTES", "Hit", "HitImage"]

ROUTES = ("words", "vectors", "captions")
"""The names of the routes, all of which a search takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class HitImage:
    """An image of a result: its path under the image root, and its page and caption if known.

    `file` is the absolute path, to open it. `generated_caption` is what the model `generated_by`
    said of the image; "" where none was asked. It is not the document's text.
    """

    path: str
    page: int | None
    caption: str
    file: str = ""
    generated_caption: str = ""
    generated_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result. Ranks count from 1.

    `matched_in_text`, `matched_in_image` and `matched_in_caption` are the words of the query that
    the text, the best image and its generated caption have. `retrieval_rank` and `retrieval_score` are those of the routes' fusion; `routes` has the rank on
    each route that found the entry. `best_image` is the path of the image that scored best.
    `also_in` has the file and page of each other entry with the same text or the same picture.
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
    matched_in_caption: Sequence[str] = ()
    also_in: Sequence[tuple[str, int | None]] = ()
