"""One chunk a figure, so that any store finds a figure by its own words.

In a chunk of text, a figure's words are a few among hundreds; as an entry of its own, they are
all there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from mmrerank.loaders.base import Chunk, Figure, Link, chunk_id

__all__ = ["CITED_BY_KEY", "KIND_KEY", "figure_chunks"]

KIND_KEY = "kind"
"""Metadata: "figure" for the chunks made here; chunks of text have no such key."""

CITED_BY_KEY = "cited_by"
"""Metadata: the ids of the chunks that a figure belongs to, as a JSON list in a string."""


def figure_chunks(chunks: Sequence[Chunk], words_of: Callable[[Figure], str]) -> list[Chunk]:
    """A chunk for each figure that the chunks of one file refer to, in the order of the file.

    Its text is the caption, the words in the figure as `words_of` gives them, and the section.
    A figure of which nothing is known keeps its place with an empty text: a reranker that sees
    images, or a route of image vectors, may still find it. Pages that are images as a whole are
    left out where a chunk already has their text. Raises what `words_of` raises.
    """
    figures: dict[str, Figure] = {}
    citing: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        for link in chunk.links:
            figures.setdefault(link.figure.ref, link.figure)
            citing.setdefault(link.figure.ref, []).append(chunk)
    ordered = sorted(figures.values(), key=lambda figure: (figure.page, figure.box[1]))
    return [
        _figure_chunk(figure, citing[figure.ref], words_of(figure), len(chunks) + place)
        for place, figure in enumerate(ordered)
        if figure.kind != "page"
    ]


def _figure_chunk(figure: Figure, citing: Sequence[Chunk], words: str, position: int) -> Chunk:
    home = min(citing, key=lambda chunk: abs(chunk.page - figure.page))
    parts = (figure.caption, words, home.section)
    return Chunk(
        id=chunk_id(figure.source, position, figure.ref),
        text="\n".join(dict.fromkeys(part.strip() for part in parts if part.strip())),
        source=figure.source,
        page=figure.page,
        position=position,
        links=(Link(figure, "caption", 1.0),),
        section=home.section,
        extra={
            KIND_KEY: "figure",
            CITED_BY_KEY: json.dumps([chunk.id for chunk in citing]),
        },
    )
