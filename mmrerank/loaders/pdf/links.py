"""Which figures belong to which chunk, and how surely."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrerank.loaders.base import SCORES, LinkKind
from mmrerank.loaders.boxes import Box, part_inside, union
from mmrerank.loaders.captions import (
    find_mentions,
    find_references,
    is_contents,
    panel_base,
    without_contents,
)
from mmrerank.loaders.pdf.document import Surveyed
from mmrerank.loaders.pdf.page import Key, PageChunk, Piece, Region, Target

__all__ = ["Found", "Linker"]

_INSIDE = 0.8  # of the words of a figure

_ABOVE = 60.0  # points that a link's destination may lie above its figure


@dataclass(frozen=True, slots=True)
class Found:
    """A figure of a chunk; `at` is the offset in the chunk's text at which it is spoken of."""

    key: Key
    kind: LinkKind
    at: int

    @property
    def score(self) -> float:
        """The score of its kind."""
        return SCORES[self.kind]


class Linker:
    """Looks up the figures of a whole document."""

    def __init__(self, document: Surveyed) -> None:
        self._document = document
        tables = document.options.tables
        self._labels = [
            label for label in document.captions if tables or not label.startswith("table")
        ]

    def cited(self, text: str, page: int) -> Iterator[tuple[int, Key]]:
        """The figures that `text` names, on any page, with the offsets behind their names.

        Where several figures have the same label the nearest to `page` is meant.
        """
        for at, label in find_mentions(text, self._labels):
            if key := self._labelled(label, page):
                yield at, key

    def _labelled(self, label: str, page: int) -> Key | None:
        """The captioned figure; that of a panel where only prose begins like the panel's caption."""
        for name in dict.fromkeys([label, panel_base(label)]):
            numbers = self._document.captions.get(name, [])
            for number in sorted(numbers, key=lambda number: abs(number - page)):
                for key, region in self._document.regions_of(number).items():
                    if region.label == name:
                        return key
        return None

    def of_page(
        self, number: int, chunks: Sequence[PageChunk], sections: Sequence[str]
    ) -> list[list[Found]]:
        """The figures of each chunk of a page (its section beside it), strongest first."""
        here = self._document.regions_of(number)
        found: list[list[Found]] = [[] for _ in chunks]
        for index, chunk in enumerate(chunks):
            found[index] += self._in_text(chunk, number, here)
            found[index] += _captioned(chunk, here)
        for index, one in self._by_targets(chunks, self._document.figures(number).targets):
            if all((one.key, one.kind) != (other.key, other.kind) for other in found[index]):
                found[index].append(one)
        for index, one in self._near(chunks, sections, here):
            found[index].append(one)
        return [sorted(each, key=lambda one: -one.score) for each in found]

    def _in_text(
        self, chunk: PageChunk, number: int, here: Mapping[Key, Region]
    ) -> Iterator[Found]:
        captions = [region.caption for region in here.values()]
        for start, piece in _places(chunk):
            caption = piece.block.caption
            # A caption does not refer to itself, nor does a list of figures to all of them.
            skip = caption.title if piece.first and caption and piece.block in captions else 0
            text = " " * skip + _blank_contents(piece.text[skip:])
            for at, key in self.cited(text, number):
                yield Found(key, "reference", start + at)

    def _by_targets(
        self, chunks: Sequence[PageChunk], targets: Sequence[Target]
    ) -> Iterator[tuple[int, Found]]:
        """The figures that the document's own links lead to."""
        for target in targets:
            key = self._at(target)
            place = _place_of(target, chunks)
            if key is not None and place is not None:
                yield place[0], Found(key, "reference", place[1])

    def _at(self, target: Target) -> Key | None:
        """The captioned figure that a link leads to: to its top, or to its caption."""
        best, nearest = None, _ABOVE
        for key, region in self._document.regions_of(target.page).items():
            if region.caption is None or not (target.sure or _says(target.words, region.label)):
                continue
            box = union(region.box, region.caption.box)
            distance = max(box[1] - target.y, 0.0) if target.y <= box[3] else math.inf
            if distance < nearest:
                best, nearest = key, distance
        return best

    def _near(
        self, chunks: Sequence[PageChunk], sections: Sequence[str], here: Mapping[Key, Region]
    ) -> Iterator[tuple[int, Found]]:
        """Figures without a caption, by where they stand; the section only where none has one."""
        for key, region in here.items():
            if region.label or not chunks:
                continue
            if region.kind == "page":  # a scan shows all of its text
                yield from (
                    (i, Found(key, "page", len(chunk.text))) for i, chunk in enumerate(chunks)
                )
                continue
            place, kind = _nearest(region.box, chunks)
            yield place, Found(key, kind, _end_of_nearest(region.box, chunks[place]))
            for index, chunk in enumerate(chunks if not self._labels else ()):
                same = sections[index] == sections[place]
                if index != place and same and sections[index]:
                    yield index, Found(key, "section", len(chunk.text))


def _says(words: str, label: str) -> bool:
    """Whether the words of a link name a figure: "Figure 3", or just "3" or "(3b)"."""
    kind = label.partition(" ")[0]
    return any(find_references(text, [label]) for text in (words, f"{kind} {words.lstrip('([ ')}"))


def _places(chunk: PageChunk) -> Iterator[tuple[int, Piece]]:
    """The pieces of a chunk, and where each begins in its text."""
    start = 0
    for piece in chunk.pieces:
        yield start, piece
        start += len(piece.text) + len("\n\n")


def _blank_contents(text: str) -> str:
    """The text with lines of a table of contents blanked; offsets stay."""
    if without_contents(text) == text:
        return text
    return "\n".join(" " * len(line) if is_contents(line) else line for line in text.split("\n"))


def _captioned(chunk: PageChunk, here: Mapping[Key, Region]) -> Iterator[Found]:
    """The figures whose caption begins in the chunk, or whose own words stand there."""
    for start, piece in _places(chunk):
        for key, region in here.items():
            if piece.first and piece.block == region.caption:
                yield Found(key, "caption", start + len(piece.text))
            elif piece.block.in_figure and part_inside(piece.block.box, region.box) > _INSIDE:
                yield Found(key, "column", start + len(piece.text))


def _place_of(target: Target, chunks: Sequence[PageChunk]) -> tuple[int, int] | None:
    """The chunk, and the offset in it, of the words that carry a link."""
    left, top, right, bottom = target.box
    # A link's box may reach into the line above it, but not below its own.
    x, y = (left + right) / 2, bottom - min(5.0, (bottom - top) / 2)
    place = None
    for index, chunk in enumerate(chunks):
        for start, piece in _places(chunk):
            x0, y0, x1, y1 = piece.block.box
            if not (x0 <= x <= x1 and y0 <= y <= y1):
                continue
            lines = [line.text for line in piece.block.lines if line.box[1] <= y <= line.box[3]]
            if any(map(is_contents, lines)):
                return None
            words = re.search(rf"(?<!\w){re.escape(target.words)}(?!\w)", piece.text)
            if target.words and words:
                return index, start + words.end()
            # A hyphen at the end of a line changed the words: the paragraph is still known.
            place = place or (index, start + len(piece.text))
    return place


def _nearest(box: Box, chunks: Sequence[PageChunk]) -> tuple[int, LinkKind]:
    """The chunk that a figure without a caption belongs to, by its text in the same column."""
    in_column = [_distance(box, chunk, column=True) for chunk in chunks]
    if min(in_column) < math.inf:
        return in_column.index(min(in_column)), "column"
    on_page = [_distance(box, chunk, column=False) for chunk in chunks]
    return on_page.index(min(on_page)), "page"


def _end_of_nearest(box: Box, chunk: PageChunk) -> int:
    """The offset behind the piece of a chunk that is nearest to a figure."""
    gaps = [
        (
            max(piece.block.box[1] - box[3], box[1] - piece.block.box[3], 0.0),
            start + len(piece.text),
        )
        for start, piece in _places(chunk)
    ]
    return min(gaps, default=(0.0, 0))[1]


def _distance(box: Box, chunk: PageChunk, *, column: bool) -> float:
    """Points of white between a figure and a chunk, up or down."""
    boxes: Collection[Box] = [piece.block.box for piece in chunk.pieces]
    if column:
        boxes = [other for other in boxes if other[0] < box[2] and other[2] > box[0]]
    gaps = [max(other[1] - box[3], box[1] - other[3], 0.0) for other in boxes]
    return min(gaps, default=math.inf)
