"""Running heads, footers and page numbers: lines that many pages repeat at their edges."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page import Block, Line

__all__ = ["EdgeLine", "edge_lines", "find_running_heads"]

_EDGE = 0.1  # of the height of the page, above and below

_SAME_PLACE = 3.0  # points up or down

_MAX_SIZE = 1.15  # times the size of body text

_MAX_LINES, _MAX_CHARACTERS = 2, 150  # a longer block is text that begins or ends a page

_ROMAN = re.compile(r"\b[ivxlcdm]+\b")


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """A short line near the upper or lower edge of a page, its numbers replaced by "#".

    `size` is the font size in points; `outermost` is True for the first or last row of the page.
    """

    box: Box
    text: str
    size: float
    outermost: bool


def edge_lines(blocks: Sequence[Block], height: float) -> list[EdgeLine]:
    """The lines of a page that may be running heads; `height` is the page's, in points."""
    lines = [line for block in blocks for line in block.lines if line.upright]
    if not lines:
        return []
    top, bottom = min(line.box[1] for line in lines), max(line.box[3] for line in lines)
    return [
        EdgeLine(
            line.box,
            _without_numbers(line.text),
            line.size,
            outermost=line.box[1] < top + _SAME_PLACE or line.box[3] > bottom - _SAME_PLACE,
        )
        for line in _short(blocks)
        if _is_at_edge(line.box, height)
    ]


def _is_at_edge(box: Box, height: float) -> bool:
    return box[3] < _EDGE * height or box[1] > (1 - _EDGE) * height


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
    "Chapter 3" in type larger than the body text is not a running head.
    """
    max_size = _MAX_SIZE * body_size
    pages = {
        number: [line for line in lines if line.size <= max_size] for number, lines in pages.items()
    }
    places: defaultdict[str, list[float]] = defaultdict(list)
    for lines in pages.values():
        for line in lines:
            places[line.text].append(line.box[1])
    least = 3 if len(pages) > 5 else 2
    return {number: _of_page(lines, places, least) for number, lines in pages.items()}


def _of_page(
    lines: Sequence[EdgeLine], places: Mapping[str, Sequence[float]], least: int
) -> set[Box]:
    repeated = {line.box for line in lines if _is_repeated(line, places, least)}
    return repeated | {
        line.box
        for line in lines
        if line.outermost and any(_in_same_row(line.box, other) for other in repeated)
    }


def _is_repeated(line: EdgeLine, places: Mapping[str, Sequence[float]], least: int) -> bool:
    if not any(letter.isalpha() for letter in line.text) and not line.outermost:
        return False  # a number in a table or at an axis
    near = [y for y in places[line.text] if abs(y - line.box[1]) <= _SAME_PLACE]
    return len(near) >= least


def _in_same_row(box: Box, other: Box) -> bool:
    shared = min(box[3], other[3]) - max(box[1], other[1])
    return shared > 0.5 * min(box[3] - box[1], other[3] - other[1])
