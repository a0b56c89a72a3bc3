"""What a person is shown of each result, wherever it comes from: an index, a reranker, a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmrerank.explanation import Explanation
from mmrerank.index.hits import Hit, HitImage, Stages
from mmrerank.index.results import known_image
from mmrerank.loaders.base import ATTACHMENT_KEY, PAGE_LABEL_KEY
from mmrerank.loaders.boxes import Box
from mmrerank.types import Content, Image, RerankResult

__all__ = ["Card", "CardImage", "CardPart", "cards_of_hits", "cards_of_results", "cards_of_stages"]


@dataclass(frozen=True, slots=True)
class CardImage:
    """An image of a result: what is known of it, and where its pixels are.

    `image` is None for one that cannot be shown; `problem` says why.
    """

    facts: HitImage
    image: Image | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CardPart:
    """The score of one part of a result alone. `image` is an index in `Card.images`.

    "figure" are the caption and the words of a figure, where the text shown is that of the chunk
    which cites it.
    """

    kind: Literal["text", "figure", "image"]
    score: float
    image: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One result as it is shown; what is not known is None or empty. Ranks count from 1.

    `score` is the reranker's, None where none was asked; `retrieval_rank` and `retrieval_score` are
    those before reranking. `best_image` is an index in `images`. `can_open_source` says that
    `source` is a file which may be opened to show its page; `page` is in the file `attachment` of
    `source` if there is one. Other fields are as in
    `mmrerank.index.hits.Hit`. `explanation` is one of the query and `content`.
    """

    rank: int
    text: str
    score: float | None = None
    is_scored: bool = True
    retrieval_rank: int | None = None
    retrieval_score: float | None = None
    routes: Mapping[str, int] = field(default_factory=dict)
    parts: Sequence[CardPart] = ()
    title: str = ""
    source: str = ""
    can_open_source: bool = False
    attachment: str = ""
    page: int | None = None
    page_label: str = ""
    section: str = ""
    kind: str = "text"
    box: Box | None = None
    images: Sequence[CardImage] = ()
    best_image: int | None = None
    matched_in_text: Sequence[str] = ()
    matched_in_image: Sequence[str] = ()
    matched_in_caption: Sequence[str] = ()
    also_in: Sequence[tuple[str, int | None]] = ()
    explanation: Explanation | None = None

    @property
    def content(self) -> Content:
        """The text with the images that can be opened: what an explanation is asked of."""
        return Content(self.text, [one.image for one in self.images if one.image is not None])

    def place_of(self, explained: int) -> int:
        """The index in `images` of the image with this index in `content`, as explanations have it."""
        return [i for i, one in enumerate(self.images) if one.image is not None][explained]

    @property
    def best(self) -> HitImage | None:
        """What is known of the image that scored best."""
        return None if self.best_image is None else self.images[self.best_image].facts

    @property
    def framed(self) -> tuple[int, Box] | None:
        """The page to open, and the box of the best image or else of the text on it."""
        best = self.best
        if best is not None and best.page and best.box:
            return best.page, best.box
        return (self.page, self.box) if self.page and self.box else None


def cards_of_stages(stages: Stages) -> list[Card]:
    """The results of a search."""
    return cards_of_hits(stages.results, is_reranked=stages.is_reranked)


def cards_of_hits(hits: Sequence[Hit], *, is_reranked: bool | None = None) -> list[Card]:
    """The results of an index. None: they were reranked if a score is not that of the routes."""
    if is_reranked is None:
        is_reranked = any(hit.score != hit.retrieval_score for hit in hits)
    return [_card_of_hit(hit, is_reranked=is_reranked) for hit in hits]


def _card_of_hit(hit: Hit, *, is_reranked: bool) -> Card:
    places = {image.path: i for i, image in enumerate(hit.images)}
    return Card(
        rank=hit.rank,
        text=hit.text,
        score=hit.score if is_reranked else None,
        is_scored=hit.is_scored,
        retrieval_rank=hit.retrieval_rank,
        retrieval_score=hit.retrieval_score,
        routes=hit.routes,
        parts=[
            CardPart(part.kind, part.score, places.get(part.image or ""))
            for part in hit.parts
            if part.image is None or part.image in places
        ],
        source=hit.source,
        can_open_source=True,
        attachment=str(hit.metadata.get(ATTACHMENT_KEY) or ""),
        page=hit.page,
        page_label=str(hit.metadata.get(PAGE_LABEL_KEY) or ""),
        section=str(hit.metadata.get("section") or ""),
        kind=hit.kind,
        box=hit.box,
        images=[_image_of_hit(image) for image in hit.images],
        best_image=places.get(hit.best_image or ""),
        matched_in_text=hit.matched_in_text,
        matched_in_image=hit.matched_in_image,
        matched_in_caption=hit.matched_in_caption,
        also_in=hit.also_in,
    )


def _image_of_hit(facts: HitImage) -> CardImage:
    if not facts.file:
        return CardImage(facts, None, "its file is not known")
    file = Path(facts.file)
    depth = len(Path(facts.path).parts)
    return CardImage(facts, Image(path=file, root=file.parents[depth - 1]))


def cards_of_results(results: Sequence[RerankResult]) -> list[Card]:
    """The results of `Reranker.rerank`, best first."""
    return [_card_of_result(rank, result) for rank, result in enumerate(results, start=1)]


def _card_of_result(rank: int, result: RerankResult) -> Card:
    images = result.document.images
    return Card(
        rank=rank,
        text=result.document.text or "",
        score=result.relevance_score,
        is_scored=result.is_scored,
        retrieval_rank=result.index + 1,
        parts=[CardPart(part.kind, part.score, part.image) for part in result.parts],
        title=f"document {result.index + 1}",
        images=[CardImage(known_image(image.name, image, ""), image) for image in images],
        best_image=result.best_image,
    )
