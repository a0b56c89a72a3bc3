"""Search results of an index."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmrerank.loaders.boxes import Box

__all__ = ["ROUTES", "Hit", "HitImage", "Routes", "Stages"]

ROUTES = ("words", "vectors", "captions", "images")
"""The names of the routes. By default, a search uses all that its index has."""

Routes = Sequence[str] | Mapping[str, float]
"""Names of routes; in a mapping, with the weight of each in the fusion of the rankings."""


_NAMES = {"table": "table", "text": "listing"}
"""What a figure without a caption is called, by its kind; "figure" otherwise."""


_HASH = re.compile(r"[0-9a-f-]{16,}(\.\w+)?", re.IGNORECASE)  # a file's name, not a caption


@dataclass(frozen=True, slots=True)
class HitImage:
    """An image of a result: its path under the image root, and its page and caption if known.

    `file` is the absolute path, to open it. `box` is (x0, y0, x1, y1) on the page, as
    `mmrerank.loaders.base.Figure` has it, and `kind` what the image is made of.
    `generated_caption` is the description of the image by the vision model `generated_by`; "" if
    there is none. It is not part of the document's text.
    """

    path: str
    page: int | None
    caption: str
    file: str = ""
    box: Box | None = None
    kind: str = ""
    generated_caption: str = ""
    generated_by: str = ""

    @property
    def name(self) -> str:
        """The caption, or else what a person would call the image: "table on page 3"."""
        if self.caption.strip() and not _HASH.fullmatch(self.caption.strip()):
            return self.caption
        if not self.page:
            return "image"
        if self.kind == "page":
            return f"page {self.page} as an image"
        return f"{_NAMES.get(self.kind, 'figure')} on page {self.page}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result. Ranks count from 1.

    `matched_in_text`, `matched_in_image` and `matched_in_caption` are the words of the query that
    the text, the best image and its generated caption have. `retrieval_rank` and `retrieval_score`
    are those of the fused routes; `routes` has the rank on each route that found the entry.
    `best_image` is the path of the image that scored best. `also_in` has the file and page of each
    other entry with the same text or the same picture. `box` is where the text or figure is on its
    page, as `HitImage.box`; None where it is not known. `id` and `metadata` are those that the
    loader gave the chunk. `is_scored` is False if a failed call of the reranker left the candidates
    in the order of the routes.
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
    box: Box | None = None
    id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_scored: bool = True


@dataclass(frozen=True, slots=True)
class Stages:
    """Both stages of one search: what the routes found, and the results after reranking.

    Without a reranker, `results` are `found`. The times are in seconds.
    """

    found: list[Hit]
    results: list[Hit]
    is_reranked: bool
    search_time: float
    rerank_time: float
