"""Documents of any framework as cards: what a reranker and a loader wrote into their metadata."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from mmrerank.answers.chunks import ChunkImage, read_chunk
from mmrerank.display.cards import Card, CardImage, CardPart
from mmrerank.display.page import MAX_BYTES, ResultsPage
from mmrerank.errors import ImageError
from mmrerank.images.refs import (
    BEST_IMAGE_KEY,
    IMAGES_KEY,
    IS_SCORED_KEY,
    PARTS_KEY,
    RELEVANCE_KEY,
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_ROUTES_KEY,
    RETRIEVAL_SCORE_KEY,
    ImageKey,
    find_refs,
)
from mmrerank.images.resolve import ImageResolver, ImageRoot, resolve_path
from mmrerank.index.hits import HitImage
from mmrerank.loaders.base import PAGE_LABEL_KEY

__all__ = ["ShowOptions", "ShownDocument", "show_documents"]

_LONGEST_REF = 200

_KINDS: tuple[Literal["text", "figure", "image"], ...] = ("text", "figure", "image")


class ShowOptions(TypedDict, total=False):
    """Keywords of `show` in both frameworks."""

    image_root: ImageRoot | Callable[[Mapping[str, Any]], ImageRoot] | None
    """The folder of the images, as for `MultimodalRerank`. Without it, images are only named."""

    image_key: ImageKey
    """The metadata key of the image references. Default "images"."""

    path_map: Mapping[str, str] | None
    """`{old: new}` path prefixes, for folders that have moved."""

    urls: Literal["refuse", "fetch"]
    """For images that are URLs: "refuse" them (default), or "fetch" them here."""

    source_root: ImageRoot | None
    """The folder, or several, of the PDFs that documents name as their source: their pages are
    shown. Without it, no file is opened, since metadata may name any file."""

    max_bytes: int
    """Of the images in the file that `save` writes. Default 4,000,000."""


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document of a framework: its text and metadata, its own images, and its score if it has one.

    `refs` are references of images that are not in the metadata.
    """

    text: str
    metadata: Mapping[str, Any]
    refs: Sequence[str] = ()
    score: float | None = None


def show_documents(
    documents: Sequence[ShownDocument], query: str, **options: Unpack[ShowOptions]
) -> ResultsPage:
    """Documents, best first, as a page. An image that cannot be shown is named, with the reason.

    Raises `InvalidInputError` for an option that cannot be used.
    """
    resolver = ImageResolver(
        options.get("image_root"),
        options.get("image_key", IMAGES_KEY),
        options.get("path_map"),
        urls=options.get("urls", "refuse"),
    )
    cards = [
        _card(rank, document, resolver, options.get("source_root"))
        for rank, document in enumerate(documents, start=1)
    ]
    return ResultsPage(cards, query, max_bytes=options.get("max_bytes", MAX_BYTES))


def _card(
    rank: int, document: ShownDocument, resolver: ImageResolver, source_root: ImageRoot | None
) -> Card:
    metadata = document.metadata
    images = list(_images(document, resolver))
    found = [(one.facts.path, one.image) for one in images if one.image is not None]
    chunk = read_chunk(document.text, metadata, found)
    known = {one.ref: one for one in chunk.images}
    shown = [_with_facts(one, known.get(one.facts.path)) for one in images]
    places = {one.facts.path: i for i, one in enumerate(shown)}
    relevance = _number(metadata.get(RELEVANCE_KEY))
    retrieval_rank = _number(metadata.get(RETRIEVAL_RANK_KEY))
    file = _source_file(chunk.source, source_root)
    page, label = chunk.page, metadata.get(PAGE_LABEL_KEY)
    return Card(
        rank=rank,
        text=document.text,
        score=relevance,
        is_scored=metadata.get(IS_SCORED_KEY) is not False,
        retrieval_rank=int(retrieval_rank) if retrieval_rank is not None else None,
        retrieval_score=_retrieval_score(document, relevance),
        routes=_routes(metadata.get(RETRIEVAL_ROUTES_KEY)),
        parts=_parts(metadata.get(PARTS_KEY), places),
        title=f"document {rank}",
        source=file or chunk.source,
        can_open_source=file is not None,
        attachment=chunk.attachment,
        page=page if isinstance(page, int) and page > 0 else None,
        page_label=str(label or (page if isinstance(page, str) else "")),
        section=chunk.section,
        kind=chunk.kind,
        box=chunk.box,
        images=shown,
        best_image=places.get(str(metadata.get(BEST_IMAGE_KEY))),
    )


def _images(document: ShownDocument, resolver: ImageResolver) -> Iterator[CardImage]:
    """The images of a document under their references, each once, also those that cannot be shown."""
    named = find_refs(document.metadata, resolver.image_key, lambda _: None)
    for ref in dict.fromkeys([*document.refs, *named]):
        try:
            for name, image in resolver.resolve([ref], document.metadata):
                yield CardImage(HitImage(name, None, ""), image)
        except ImageError as error:
            why = error.reason if resolver.image_root is not None else "no image_root was given"
            yield CardImage(HitImage(ref[:_LONGEST_REF], None, ""), None, f"cannot be shown: {why}")


def _with_facts(shown: CardImage, known: ChunkImage | None) -> CardImage:
    """The image with what its loader and a vision model said of it."""
    if known is None:
        return shown
    facts = HitImage(
        path=shown.facts.path,
        page=known.page,
        caption=known.caption,
        file=str(known.image.path or ""),
        box=known.box,
        kind=known.kind,
        generated_caption=known.generated_caption,
        generated_by=known.generated_by,
    )
    return CardImage(facts, shown.image, shown.problem)


def _source_file(source: str, root: ImageRoot | None) -> str | None:
    """The file that a document comes from, if it lies under the root; None otherwise."""
    if root is None or not source:
        return None
    given = [root] if isinstance(root, (str, os.PathLike)) else root
    try:
        return str(resolve_path(source, [Path(folder) for folder in given]))
    except ImageError:
        return None


def _retrieval_score(document: ShownDocument, relevance: float | None) -> float | None:
    score = _number(document.metadata.get(RETRIEVAL_SCORE_KEY))
    return document.score if score is None and relevance is None else score


def _routes(value: object) -> dict[str, int]:
    """The ranks of the routes; what is not in the form is left out."""
    read = _json(value)
    if not isinstance(read, dict):
        return {}
    return {str(name): rank for name, rank in read.items() if type(rank) is int}


def _parts(value: object, places: Mapping[str, int]) -> list[CardPart]:
    """The scores of the parts; what is not in the form is left out."""
    read = _json(value)
    parts: list[CardPart] = []
    for row in read if isinstance(read, list) else ():
        own = row if isinstance(row, dict) else {}
        kind = next((kind for kind in _KINDS if kind == own.get("part")), None)
        score = _number(own.get("score"))
        image = places.get(str(own.get("image")))
        if kind is not None and score is not None and (kind == "image") == (image is not None):
            parts.append(CardPart(kind, score, image))
    return parts


def _json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


def _number(value: object) -> float | None:
    """A finite number, also of numpy; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value) if math.isfinite(value) else None
