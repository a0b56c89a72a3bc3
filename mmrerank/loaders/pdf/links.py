"""Which figures belong to which chunk, and how surely."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrerank.loaders.base import SCORES, LinkKind
from mmrerank.loaders.boxes import Box, part_inside, union
from mmrerank.loaders.captions import (
    find_mentions,
    find_references,
    is_contents,
    open_reference,
    panel_base,
    without_contents,
)
from mmrerank.loaders.pdf.document import PDFDocument
from mmrerank.loaders.pdf.page import (
    BLOCK_SEPARATOR,
    FigureKey,
    LinkTarget,
    PageChunk,
    Piece,
    Region,
)

__all__ = ["FigureLink", "Linker", "links_of_captions"]

_INSIDE = 0.8  # of a block's area: it is text of the figure

_MAX_ABOVE = 60.0  # points that a link's destination may lie above its figure

_LINK_INTO_LINE = 5.0  # points above the lower edge of a link's box, which is in its own line


@dataclass(frozen=True, slots=True)
class FigureLink:
    """A figure that belongs to a chunk; `offset` is the place in its text that mentions it."""

    key: FigureKey
    kind: LinkKind
    offset: int

    @property
    def score(self) -> float:
        """The score of its kind."""
        return SCORES[self.kind]


class Linker:
    """Links the chunks of a document to its figures, on whichever page they are."""

    def __init__(self, document: PDFDocument) -> None:
        self._document = document
        tables = document.options.tables
        self._labels = [
            label for label in document.captions if tables or not label.startswith("table")
        ]
        self._open_references: dict[int, str] = {}

    def links_on_page(
        self, number: int, chunks: Sequence[PageChunk], sections: Sequence[str]
    ) -> list[list[FigureLink]]:
        """For each chunk of a page, its figures, strongest link first.

        `sections` has the section of each chunk. Errors and warnings as `PDFDocument.figures`.
        """
        regions = self._document.regions(number)
        started = self._continued(chunks, number)
        links = [
            [*self._mentions(chunk, number, regions, started), *links_of_captions(chunk, regions)]
            for chunk in chunks
        ]
        for index, link in self._by_targets(chunks, self._document.figures(number).targets):
            if all((link.key, link.kind) != (other.key, other.kind) for other in links[index]):
                links[index].append(link)
        named = [any(link.score >= SCORES["caption"] for link in found) for found in links]
        for index, link in self._by_place(chunks, sections, regions):
            # A chunk that names a figure inside a scan shows that figure, not all of the scan.
            if all(named) or not (named[index] and regions[link.key].kind == "page"):
                links[index].append(link)
        return [sorted(chunk_links, key=lambda link: -link.score) for chunk_links in links]

    def _continued(self, chunks: Sequence[PageChunk], number: int) -> dict[int, str]:
        """By the identity of a piece, the words of a reference that began before it.

        "(see Figs. 3" may end a column or a page, and "and 4)" begin the next. Called page by page,
        it keeps what the end of each page leaves open.
        """
        open_words = self._open_references.get(number - 1, "")
        started = {}
        for _, piece in (item for chunk in chunks for item in _pieces(chunk)):
            if (
                piece.block.caption
                or piece.block.in_figure
                or not piece.block.is_of_size(self._document.profile.body_size)
            ):
                continue
            if open_words:
                started[id(piece)] = open_words
            open_words = open_reference(piece.text)
        self._open_references[number] = open_words
        return started

    def _mentions(
        self,
        chunk: PageChunk,
        number: int,
        regions: Mapping[FigureKey, Region],
        started: Mapping[int, str],
    ) -> Iterator[FigureLink]:
        """The figures that a chunk's text names, on any page; `started` as in `_continued`."""
        captions = [region.caption for region in regions.values()]
        read_by_ocr = {r.label for r in regions.values() if r.label} - set(self._labels)
        labels = [*self._labels, *sorted(read_by_ocr)]
        for start, piece in _pieces(chunk):
            caption = piece.block.caption
            # A caption does not refer to itself, nor does a list of figures to all of them.
            skip = caption.title if piece.first and caption and piece.block in captions else 0
            before = started.get(id(piece), "")
            text = f"{before} {' ' * skip}{_blank_contents(piece.text[skip:])}"
            for end, label in find_mentions(text, labels):
                offset = end - len(before) - 1
                if offset > 0 and (key := self._labelled(label, number)):
                    yield FigureLink(key, "reference", start + offset)

    def _labelled(self, label: str, page: int) -> FigureKey | None:
        """The figure with a label; of several the nearest to `page`.

        "Figure 2a" means "figure 2" where no figure has a caption for the panel alone.
        """
        for name in dict.fromkeys([label, panel_base(label)]):
            numbers = self._document.captions.get(name, [page])  # a scan's are known on its own
            for number in sorted(numbers, key=lambda number: abs(number - page)):
                for key, region in self._document.regions(number).items():
                    if region.label == name:
                        return key
        return None

    def _by_targets(
        self, chunks: Sequence[PageChunk], targets: Sequence[LinkTarget]
    ) -> Iterator[tuple[int, FigureLink]]:
        """The index of a chunk, and a figure that a link of the document in its text leads to."""
        for target in targets:
            key = self._figure_at(target)
            place = _place_of(target, chunks)
            if key is not None and place is not None:
                index, offset = place
                yield index, FigureLink(key, "reference", offset)

    def _figure_at(self, target: LinkTarget) -> FigureKey | None:
        """The captioned figure that a link leads to: to its top, or to its caption."""
        best, nearest = None, _MAX_ABOVE
        for key, region in self._document.regions(target.page).items():
            if region.caption is None or not (target.sure or _names(target.words, region.label)):
                continue
            box = union(region.box, region.caption.box)
            distance = max(box[1] - target.y, 0.0) if target.y <= box[3] else math.inf
            if distance < nearest:
                best, nearest = key, distance
        return best

    def _by_place(
        self,
        chunks: Sequence[PageChunk],
        sections: Sequence[str],
        regions: Mapping[FigureKey, Region],
    ) -> Iterator[tuple[int, FigureLink]]:
        """The index of a chunk, and a figure without a caption that is near it.

        Chunks of the same section get it too, but only in a document without any captions.
        """
        for key, region in regions.items():
            if region.label or not chunks:
                continue
            if region.kind == "page":  # a scan shows all of its text
                yield from _link_to_all(key, chunks)
                continue
            nearest, kind = _nearest(region.box, chunks)
            yield nearest, FigureLink(key, kind, _end_of_nearest(region.box, chunks[nearest]))
            for index, chunk in enumerate(chunks if not self._labels else ()):
                same = sections[index] == sections[nearest]
                if index != nearest and same and sections[index]:
                    yield index, FigureLink(key, "section", len(chunk.text))


def _link_to_all(key: FigureKey, chunks: Sequence[PageChunk]) -> Iterator[tuple[int, FigureLink]]:
    for index, chunk in enumerate(chunks):
        yield index, FigureLink(key, "page", len(chunk.text))


def _names(words: str, label: str) -> bool:
    """True if the words of a link name a figure: "Figure 3", or just "3" or "(3b)"."""
    kind = label.partition(" ")[0]
    return any(find_references(text, [label]) for text in (words, f"{kind} {words.lstrip('([ ')}"))


def _pieces(chunk: PageChunk) -> Iterator[tuple[int, Piece]]:
    """The pieces of a chunk, each with its offset in the chunk's text."""
    start = 0
    for piece in chunk.pieces:
        yield start, piece
        start += len(piece.text) + len(BLOCK_SEPARATOR)


def _blank_contents(text: str) -> str:
    """The text with the lines of a table of contents blanked; offsets stay the same."""
    if without_contents(text) == text:
        return text
    return "\n".join(" " * len(line) if is_contents(line) else line for line in text.split("\n"))


def links_of_captions(
    chunk: PageChunk, regions: Mapping[FigureKey, Region]
) -> Iterator[FigureLink]:
    """The figures whose caption begins in the chunk, or whose own words are part of it."""
    for start, piece in _pieces(chunk):
        for key, region in regions.items():
            if piece.first and piece.block == region.caption:
                yield FigureLink(key, "caption", start + len(piece.text))
            elif region.kind == "page" and len(regions) > 1:
                continue  # its words are those of the figures inside
            elif piece.block.in_figure and part_inside(piece.block.box, region.box) > _INSIDE:
                yield FigureLink(key, "column", start + len(piece.text))


def _place_of(target: LinkTarget, chunks: Sequence[PageChunk]) -> tuple[int, int] | None:
    """The index of the chunk that a link is in, and the offset behind its words.

    None for a link outside all chunks, or in a table of contents.
    """
    left, top, right, bottom = target.box
    # A link's box may reach into the line above it, but not below its own.
    x, y = (left + right) / 2, bottom - min(_LINK_INTO_LINE, (bottom - top) / 2)
    place = None
    for index, start, piece in _pieces_at(x, y, chunks):
        lines = [line.text for line in piece.block.lines if line.box[1] <= y <= line.box[3]]
        if any(map(is_contents, lines)):
            return None
        words = re.search(rf"(?<!\w){re.escape(target.words)}(?!\w)", piece.text)
        if target.words and words:
            return index, start + words.end()
        # A hyphen at the end of a line changed the words: the paragraph is still known.
        place = place or (index, start + len(piece.text))
    return place


def _pieces_at(x: float, y: float, chunks: Sequence[PageChunk]) -> Iterator[tuple[int, int, Piece]]:
    """The pieces at a point of the page: index of the chunk, offset in its text, piece."""
    for index, chunk in enumerate(chunks):
        for start, piece in _pieces(chunk):
            x0, y0, x1, y1 = piece.block.box
            if x0 <= x <= x1 and y0 <= y <= y1:
                yield index, start, piece


def _nearest(box: Box, chunks: Sequence[PageChunk]) -> tuple[int, LinkKind]:
    """The index of the chunk nearest to a figure, in its own column if that has text."""
    in_column = [_distance(box, _in_column(box, chunk)) for chunk in chunks]
    if min(in_column) < math.inf:
        return in_column.index(min(in_column)), "column"
    on_page = [_distance(box, _boxes(chunk)) for chunk in chunks]
    return on_page.index(min(on_page)), "page"


def _end_of_nearest(box: Box, chunk: PageChunk) -> int:
    """The offset behind the piece of a chunk that is nearest to a figure."""
    gaps = (
        (_gap(box, piece.block.box), start + len(piece.text)) for start, piece in _pieces(chunk)
    )
    return min(gaps, default=(0.0, 0))[1]


def _boxes(chunk: PageChunk) -> list[Box]:
    return [piece.block.box for piece in chunk.pieces]


def _in_column(box: Box, chunk: PageChunk) -> list[Box]:
    """The boxes of a chunk that are above or below a figure."""
    return [other for other in _boxes(chunk) if other[0] < box[2] and other[2] > box[0]]


def _distance(box: Box, others: Iterable[Box]) -> float:
    """Points of white, up or down, to the nearest of the others; infinite without others."""
    return min((_gap(box, other) for other in others), default=math.inf)


def _gap(box: Box, other: Box) -> float:
    """Points of white between two boxes, up or down."""
    return max(other[1] - box[3], box[1] - other[3], 0.0)
