"""One chunk a figure, so that any store finds a figure by its own words.

In a chunk of text, a figure's words are a few among hundreds; in a chunk of their own, they are
all there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmrerank.errors import ImageError, warn
from mmrerank.loaders.base import (
    ATTACHMENT_KEY,
    BOX_KEY,
    PAGE_LABEL_KEY,
    Chunk,
    Figure,
    Link,
    chunk_id,
)
from mmrerank.loaders.boxes import write_box
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir, is_readable
from mmrerank.types import Image

__all__ = ["CITED_BY_KEY", "KIND_KEY", "with_figure_chunks"]

_FEW_CHARACTERS = 8  # what OCR reads into a logo or an ornament

KIND_KEY = "kind"
"""Metadata: "figure" for the chunks made here; chunks of text have no such key."""

CITED_BY_KEY = "cited_by"
"""Metadata: the ids of the chunks that a figure belongs to, as a JSON list in a string."""


def with_figure_chunks(
    chunks: Iterable[Chunk], root: Path, reader: ImageReader | bool = True
) -> Iterator[Chunk]:
    """The chunks of one file, then one chunk for each figure that they refer to.

    A figure's text is its caption, the words in it, and, if it has either, the section it is in. Words come from the
    text layer if it has enough, otherwise `reader` reads them in the image under `root`; True
    reads them if OCR is installed, False leaves chunks as they are. A figure of which nothing is
    known has an empty text: a reranker or embedder of images may still find it. Pages that are one
    image have chunks already. A figure whose words cannot be read keeps the others, with a
    `RerankWarning`. Raises `ImageError` for an image that cannot be opened.
    """
    if reader is False:
        yield from chunks
        return
    if reader is True:
        reader = ImageReader(default_cache_dir(), ocr=has_ocr())
    count = 0
    citing: dict[str, list[Chunk]] = {}
    figures: dict[str, Figure] = {}
    parts: dict[object, int] = {}  # the document itself, and each attachment, in their order
    for chunk in chunks:
        yield chunk
        count += 1
        parts.setdefault(chunk.extra.get(ATTACHMENT_KEY), len(parts))
        for link in chunk.links:
            figures.setdefault(link.figure.ref, link.figure)
            citing.setdefault(link.figure.ref, []).append(chunk)

    def place(figure: Figure) -> tuple[int, int, float]:
        part = citing[figure.ref][0].extra.get(ATTACHMENT_KEY)
        return parts[part], figure.page, figure.box[1]

    ordered = [figure for figure in sorted(figures.values(), key=place) if figure.kind != "page"]
    by_ocr = {
        figure.ref: Image(path=root / figure.ref, root=root)
        for figure in ordered
        if reader.uses_ocr and not is_readable(figure.words)
    }
    with reader.reading_ahead(by_ocr.values()):
        for figure in ordered:
            image = by_ocr.get(figure.ref)
            words = figure.words if image is None else _words_in(figure, image, reader)
            yield _figure_chunk(figure, citing[figure.ref], words, count)
            count += 1


def _words_in(figure: Figure, image: Image, reader: ImageReader) -> str:
    """The words of the text layer, and those that OCR reads; an image may cost its own words only."""
    try:
        lines = reader.lines(image)
    except ImageError as error:
        warn(f"{figure.source}, page {figure.page}: the words in a figure are left out: {error}")
        lines = []
    return " ".join([figure.words, *(line.text for line in lines)]).strip()


def _figure_chunk(figure: Figure, citing: Sequence[Chunk], words: str, position: int) -> Chunk:
    part = citing[0].extra.get(ATTACHMENT_KEY)
    beside = [chunk for chunk in citing if chunk.extra.get(ATTACHMENT_KEY) == part]
    nearest = min(beside, key=lambda chunk: abs(chunk.page - figure.page))
    # A logo is not what its section is about: the section only goes with what says something.
    says_something = figure.caption or len(words) >= _FEW_CHARACTERS
    label = nearest.extra.get(PAGE_LABEL_KEY) if nearest.page == figure.page else None
    parts = (figure.caption, words, nearest.section if says_something else "")
    return Chunk(
        id=chunk_id(figure.source, position, figure.ref),
        text="\n".join(dict.fromkeys(part.strip() for part in parts if part.strip())),
        source=figure.source,
        page=figure.page,
        position=position,
        links=(Link(figure, "caption", 1.0),),
        section=nearest.section,
        extra={
            KIND_KEY: "figure",
            CITED_BY_KEY: json.dumps([chunk.id for chunk in citing]),
            **({ATTACHMENT_KEY: part} if part else {}),
            **({PAGE_LABEL_KEY: label} if label else {}),
            **({BOX_KEY: write_box(figure.box)} if figure.page else {}),
        },
    )
