"""Running heads, footers, page numbers and stamps: lines that many pages repeat at their edges."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page import Block, Line

__all__ = ["EdgeLine", "edge_lines", "find_running_heads"]

_EDGE = 0.1  # of the height of the page, above and below; of its width for sideways text

_SAME_PLACE = 3.0  # points up or down

_MAX_SIZE = 1.15  # times the size of body text

_MAX_LINES, _MAX_CHARACTERS = 2, 150  # a longer block is text that begins or ends a page

_ALIKE = 0.6  # of the words of both lines are in both

_NEAR = 4  # pages: heads that only resemble each other do so within a chapter

_MIN_WORDS = 3  # that both lines have, besides numbers, or their likeness says little

_ROMAN = re.compile(r"\b[ivxlcdm]+\b")

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """A short line near an edge of a page, its numbers replaced by "#".

    `size` is the font size in points; `outermost` is True for the first or last row of the page.
    `upright` is False for text along the left or right edge.
    """

    box: Box
    text: str
    size: float
    outermost: bool
    upright: bool = True

    @property
    def words(self) -> frozenset[str]:
        """Its words without numbers."""
        return frozenset(_WORD.findall(self.text))


def edge_lines(blocks: Sequence[Block], size: tuple[float, float]) -> list[EdgeLine]:
    """The lines of a page that may be running heads; `size` is its width and height in points."""
    lines = [line for block in blocks for line in block.lines if line.upright]
    top = min((line.box[1] for line in lines), default=0.0)
    bottom = max((line.box[3] for line in lines), default=0.0)
    return [
        EdgeLine(
            line.box,
            _without_numbers(line.text),
            line.size,
            outermost=line.box[1] < top + _SAME_PLACE or line.box[3] > bottom - _SAME_PLACE,
            upright=line.upright,
        )
        for line in _short(blocks)
        if _is_at_edge(line, size)
    ]


def _is_at_edge(line: Line, size: tuple[float, float]) -> bool:
    """Whether a line is at the upper or lower edge, or along the left or right one."""
    axis = 1 if line.upright else 0
    low, high = line.box[axis], line.box[axis + 2]
    return high < _EDGE * size[axis] or low > (1 - _EDGE) * size[axis]


def _short(blocks: Sequence[Block]) -> Iterator[Line]:
    """The lines of blocks that are short enough."""
    for block in blocks:
        is_short = len(block.lines) <= _MAX_LINES and len(block.text) <= _MAX_CHARACTERS
        if is_short and not block.caption:
            yield from block.lines


def _without_numbers(text: str) -> str:
    """The text in small letters with "#" for numbers, also Roman ones: page numbers count up."""
    return re.sub(r"\d+", "#", _ROMAN.sub("#", text.casefold()))


def find_running_heads(
    pages: Mapping[int, Sequence[EdgeLine]], body_size: float
) -> dict[int, set[Box]]:
    """The boxes of the lines of each page that other pages repeat in the same place.

    `pages` are the edge lines by page number, `body_size` is the size of body text in points. Lines
    in one row with a repeated line are included: the title of a section beside the page number.
    So are lines in the outermost row that resemble those of pages near by: "Cite as: 555 U.S. 135
    (2009)", and another author's name. "Chapter 3" in type larger than the body text is not a
    running head; a stamp along the edge may be in type of any size.
    """
    max_size = _MAX_SIZE * body_size
    pages = {
        number: [line for line in lines if line.size <= max_size or not line.upright]
        for number, lines in pages.items()
    }
    heads = _Heads(pages)
    return {number: heads.of_page(number) for number in pages}


class _Heads:
    """What the pages of a document repeat; a line that one page has twice is there once."""

    def __init__(self, pages: Mapping[int, Sequence[EdgeLine]]) -> None:
        self._pages = pages
        self._least = 3 if len(pages) > 5 else 2
        self._places: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, lines in pages.items():
            for line in lines:
                self._places[line.text].append((number, line.box[1]))

    def of_page(self, number: int) -> set[Box]:
        """The boxes of a page's running heads."""
        lines = self._pages[number]
        repeated = [
            line for line in lines if self._is_repeated(line) or self._has_likes(line, number)
        ]
        rows = [line.box for line in repeated if line.upright]
        return {line.box for line in repeated} | {
            line.box
            for line in lines
            if line.outermost and any(_in_same_row(line.box, other) for other in rows)
        }

    def _is_repeated(self, line: EdgeLine) -> bool:
        if not any(letter.isalpha() for letter in line.text) and not line.outermost:
            return False  # a number in a table or at an axis
        y = line.box[1]
        near = {page for page, other in self._places[line.text] if abs(other - y) <= _SAME_PLACE}
        return len(near) >= self._least

    def _has_likes(self, line: EdgeLine, number: int) -> bool:
        """Whether enough pages near by have a line in the same place with nearly the same words."""
        if not (line.outermost and line.upright) or len(line.words) < _MIN_WORDS:
            return False
        near = range(number - _NEAR, number + _NEAR + 1)
        alike = sum(
            any(_is_like(line, other) for other in self._pages.get(page, ())) for page in near
        )
        return alike >= self._least  # its own page is one of them


def _is_like(line: EdgeLine, other: EdgeLine) -> bool:
    if abs(line.box[1] - other.box[1]) > _SAME_PLACE or not other.outermost:
        return False
    shared, either = line.words & other.words, line.words | other.words
    return len(shared) >= _MIN_WORDS and len(shared) >= _ALIKE * len(either)


def _in_same_row(box: Box, other: Box) -> bool:
    shared = min(box[3], other[3]) - max(box[1], other[1])
    return shared > 0.5 * min(box[3] - box[1], other[3] - other[1])
