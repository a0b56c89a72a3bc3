"""One score for a document of several parts.

A document that fits into a single input of the model is scored whole. Any other is fanned out: its
text and each of its images become items of their own, equal items are scored once, and their scores
are fused into one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mmrerank.errors import InvalidResponseError, UnsupportedModalityError, warn
from mmrerank.types import Content, Modalities, PartScore, Scored

__all__ = ["FanOut", "Fusion", "fan_out", "max_score", "sigmoid", "split_query", "weighted_mean"]

Fusion = Callable[[Sequence[PartScore]], float]


def max_score(parts: Sequence[PartScore]) -> float:
    """The best part's score: a document is as relevant as the best thing in it."""
    return max(part.score for part in parts)


def weighted_mean(text: float = 1.0, image: float = 1.0) -> Fusion:
    """The weighted mean of the parts; the images of a document share the weight `image`.

    A document whose parts all have weight 0 gets the best of their scores.
    """

    def fuse(parts: Sequence[PartScore]) -> float:
        images = sum(part.kind == "image" for part in parts)
        weights = [text if part.kind == "text" else image / images for part in parts]
        total = sum(weights)
        if total <= 0:
            return max_score(parts)
        return sum(w * part.score for w, part in zip(weights, parts, strict=True)) / total

    return fuse


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Literal["text", "image"]
    image: int | None
    item: int


@dataclass(frozen=True, slots=True)
class FanOut:
    """What to score: `items`, without duplicates, and which of them make up each document.

    Per document, `joint` is the item that is the whole document, or None if it was fanned out;
    then `parts` are its text and images.
    """

    items: list[Content]
    parts: list[list[_Part]]
    joint: list[int | None]

    def fuse(self, scores: Sequence[float], fusion: Fusion = max_score) -> list[Scored]:
        """One `Scored` per document, from one score per item; 0.0 for a document without items.

        Raises `InvalidResponseError` for a wrong number of scores or one that is not finite.
        """
        if len(scores) != len(self.items):
            raise InvalidResponseError(f"{len(scores)} scores for {len(self.items)} items")
        if bad := [score for score in scores if not math.isfinite(score)]:
            raise InvalidResponseError(f"a score is {bad[0]}")
        return [
            Scored(scores[item]) if item is not None else _fused(parts, scores, fusion)
            for parts, item in zip(self.parts, self.joint, strict=True)
        ]


def _fused(parts: list[_Part], scores: Sequence[float], fusion: Fusion) -> Scored:
    part_scores = tuple(PartScore(part.kind, scores[part.item], part.image) for part in parts)
    return Scored(fusion(part_scores) if part_scores else 0.0, part_scores)


def fan_out(
    documents: Sequence[Content],
    modalities: Modalities,
    *,
    max_images: int = 4,
    joint: bool = True,
) -> FanOut:
    """Plan the scoring of `documents` with a model that takes `modalities`.

    At most `max_images` images of a document are scored, the first ones: a maximum over many images
    favours documents with many. `joint=False` fans out documents even if they fit into one input.
    Images for a text-only model are left out with a `RerankWarning`. Raises
    `UnsupportedModalityError` for a document that has nothing but images then.
    """
    plan = FanOut([], [], [])
    places: dict[Content, int] = {}

    def place(item: Content) -> int:
        if item not in places:
            places[item] = len(plan.items)
            plan.items.append(item)
        return places[item]

    unread = 0
    for i, document in enumerate(documents):
        readable = _readable(document, modalities, max_images, i)
        unread += len(document.images) > 0 and not readable.images
        several = len(readable.images) + bool((readable.text or "").strip()) > 1
        if several and joint and fits(readable, modalities):
            plan.joint.append(place(readable))
            plan.parts.append([])
        else:
            plan.joint.append(None)
            plan.parts.append(
                [_Part(kind, k, place(item)) for kind, k, item in _split(readable, modalities)]
            )
    if unread:
        warn(
            f"{unread} documents have images that a text-only model cannot read; "
            "they are scored on their text"
        )
    return plan


def _readable(document: Content, modalities: Modalities, max_images: int, i: int) -> Content:
    if modalities.image:
        images = document.images[:max_images]
        blank = not (document.text or "").strip()
        return Content(None if blank and images else document.text, images)
    if document.text is None:
        raise UnsupportedModalityError(
            f"documents[{i}] has only images, and the model reads only text"
        )
    return Content(document.text)


def _split(
    document: Content, modalities: Modalities
) -> list[tuple[Literal["text", "image"], int | None, Content]]:
    parts: list[tuple[Literal["text", "image"], int | None, Content]] = []
    if document.text is not None and (
        document.text.strip() or (modalities.blank_text and not document.images)
    ):
        parts.append(("text", None, Content(document.text)))
    parts += [("image", k, Content(images=[image])) for k, image in enumerate(document.images)]
    return parts


def fits(content: Content, modalities: Modalities) -> bool:
    """Does this document fit into a single input of the model?"""
    if content.images and not modalities.image:
        return False
    return _fits_with_images(content, modalities.several_images, modalities.text_and_image)


def _fits_with_images(content: Content, several_images: bool, text_and_image: bool) -> bool:
    """Whether one input may have this content, given that it may have an image."""
    has_text, count = bool((content.text or "").strip()), len(content.images)
    return (count < 2 or several_images) and (not has_text or count == 0 or text_and_image)


def split_query(query: Content, modalities: Modalities) -> list[Content]:
    """The query as one or more items that the model accepts; their scores are averaged.

    Raises `UnsupportedModalityError` for a query with an image if the model does not read them.
    """
    if query.images and not modalities.query_image:
        raise UnsupportedModalityError("this model does not read images in a query; use text alone")
    if _fits_with_images(query, modalities.query_several_images, modalities.query_text_and_image):
        return [query]
    texts = [Content(query.text)] if (query.text or "").strip() else []
    return texts + [Content(images=[image]) for image in query.images]


def sigmoid(logit: float) -> float:
    """A logit as a number from 0 to 1, for logits of any size."""
    if logit >= 0:
        return 1 / (1 + math.exp(-min(logit, 700.0)))
    return (shrunk := math.exp(max(logit, -700.0))) / (1 + shrunk)
