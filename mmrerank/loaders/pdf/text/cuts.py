"""Where a block of PyMuPDF is cut: before captions, and around headings that it reads as prose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.captions import find_caption
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.titles import is_title

__all__ = ["cut_at_captions", "cut_at_headings"]

_TITLE_LINES = 3  # of a heading at most

_LARGER = 1.1  # times the size of the lines below: type of a heading

_MIN_CHARACTERS = 12  # of the line below a heading: labels and cells are shorter

_FULL_LINE = 0.8  # of the block's width: a line that is so long was wrapped, not ended


def cut_at_captions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines of one block of PyMuPDF, cut where a caption begins.

    PyMuPDF reads captions side by side, or a caption and the label above it, as one block. A line
    after a caption belongs to it only if it is not beside it.
    """
    starts = [index for index, line in enumerate(lines) if _begins_caption(lines, index)]
    parts: list[list[Line]] = [[] for _ in range(len(starts) + 1)]
    for index, line in enumerate(lines):
        reached = sum(start <= index for start in starts)
        under = [
            number
            for number in range(reached, 0, -1)
            if _share_width(lines[starts[number - 1]].box, line.box)
        ]
        parts[under[0] if under else reached].append(line)
    yield from (part for part in parts if part)


def _begins_caption(lines: Sequence[Line], index: int) -> bool:
    """True if a line of a block begins a caption, and not just a line of prose."""
    caption = find_caption(lines[index].text)
    if caption is None or index == 0:
        return caption is not None
    before = lines[index - 1]
    beside = before.box[3] - lines[index].box[1] > 0.5 * (before.box[3] - before.box[1])
    wrapped = before.box[2] >= max(line.box[2] for line in lines) - 0.1 * (
        before.box[2] - before.box[0]
    )
    if beside and find_caption(lines[0].text):  # two captions in one row
        return True
    # Prose wraps before "Figure 3." too; a caption follows a line that has ended.
    return caption.sure and (beside or not wrapped or before.text[-1] in ".:;!?)")


def _share_width(first: Box, second: Box) -> bool:
    """True if one box is above the other, at least in part."""
    return min(first[2], second[2]) > max(first[0], second[0])


def cut_at_headings(lines: Sequence[Line], titles: Collection[str]) -> Iterator[list[Line]]:
    """The lines of one block of PyMuPDF, each heading among them apart.

    PyMuPDF joins a heading and the paragraph below it where the gap is small. `titles` are those of
    the outline on this page, as `title_forms` gives them; a heading that is not one of them is set
    in heavier or larger type than the lines below it, and fills no line.
    """
    if len(lines) < 2 or find_caption(lines[0].text):
        yield list(lines)
        return
    rest: list[Line] = []
    index = 0
    while index < len(lines):
        count = _title_length(lines, index, titles) or _heading_length(lines, index)
        if count and rest:
            yield rest
            rest = []
        if count:
            yield list(lines[index : index + count])
        else:
            rest.append(lines[index])
        index += count or 1
    if rest:
        yield rest


def _title_length(lines: Sequence[Line], index: int, titles: Collection[str]) -> int:
    """How many lines from `index` on are a title of the outline; 0 if none are."""
    text = ""
    for count, line in enumerate(lines[index : index + _TITLE_LINES] if titles else (), start=1):
        text = f"{text} {line.text}"
        if is_title(text, titles):
            return count
    return 0


def _heading_length(lines: Sequence[Line], index: int) -> int:
    """How many lines from `index` on are a heading by their type; 0 if none are."""
    first = lines[index]
    if index and (_beside(lines[index - 1], first) or not _has_ended(lines, index - 1)):
        return 0
    end = index
    while end < len(lines) and _same_type(lines[end], first):
        end += 1
    if not 0 < end - index <= _TITLE_LINES or end == len(lines):
        return 0
    if _is_row_of_cells(lines[index:end]) or not _is_type_of_heading(lines, end - 1):
        return 0
    return end - index


def _is_type_of_heading(lines: Sequence[Line], index: int) -> bool:
    """Whether a line is the last of a heading, by its type and that of the line below it."""
    last, below = lines[index], lines[index + 1]
    if not last.upright or last.text[-1] in ".;," or _beside(last, below):
        return False
    heavier = last.bold and not below.bold and last.size >= 0.9 * below.size
    # A formula makes a line of prose large; it fills its line.
    larger = last.size >= _LARGER * below.size and _is_short(lines, index)
    return (heavier or larger) and len(below.text) >= _MIN_CHARACTERS


def _same_type(line: Line, other: Line) -> bool:
    return line.bold == other.bold and abs(line.size - other.size) < 0.05 * other.size


def _has_ended(lines: Sequence[Line], index: int) -> bool:
    """Whether a line is the last of a paragraph, and not wrapped."""
    return _is_short(lines, index) or lines[index].text[-1] in ".:!?"


def _is_short(lines: Sequence[Line], index: int) -> bool:
    """Whether a line does not fill the width of its block."""
    left = min(line.box[0] for line in lines)
    right = max(line.box[2] for line in lines)
    return lines[index].box[2] - left < _FULL_LINE * (right - left)


def _beside(line: Line, other: Line) -> bool:
    """Whether two lines are in one row."""
    shared = min(line.box[3], other.box[3]) - max(line.box[1], other.box[1])
    return shared > 0.5 * min(line.box[3] - line.box[1], other.box[3] - other.box[1])


def _is_row_of_cells(lines: Sequence[Line]) -> bool:
    """Whether lines stand in a row, as the heads of a table do; a number before a title may."""
    if len(lines) == 2 and not any(letter.isalpha() for letter in lines[0].text):
        return False
    return any(_beside(line, other) for line, other in pairwise(lines))
