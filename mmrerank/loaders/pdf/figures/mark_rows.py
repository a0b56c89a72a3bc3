"""What tells the bars and dots of a chart from shaded cells, forms and marked text.

The ends of bars vary from row to row, since they show values; the edges of cells are those of
columns. Numbers stand at bars; fields of forms and redacted words have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mmrerank.loaders.boxes import (
    Box,
    area,
    covered_area,
    height,
    part_inside,
    shared_height,
    union,
)
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Line

__all__ = ["MarkRows", "are_chart", "rows_of"]

_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class MarkRows:
    """Lying bars of one height, or dots, in rows from top to bottom, each sorted from the left.

    `lines` is the text of the page, `rules` its thin level lines.
    """

    lines: tuple[Line, ...]
    rules: tuple[Box, ...] = ()
    dots: bool = False
    rows: tuple[tuple[Box, ...], ...] = ()

    @property
    def box(self) -> Box:
        """The smallest box around all of them."""
        return union(*(mark for row in self.rows for mark in row))


def rows_of(marks: Iterable[Box]) -> tuple[tuple[Box, ...], ...]:
    """Boxes of one height in rows; they are in one row if their middles are at one height."""
    rows: list[list[Box]] = []
    for mark in sorted(marks, key=lambda mark: mark[1]):
        if rows and shared_height(rows[-1][0], mark) > height(mark) / 2:
            rows[-1].append(mark)
        else:
            rows.append([mark])
    return tuple(tuple(sorted(row)) for row in rows)


def are_chart(marks: MarkRows, settings: FigureSettings) -> bool:
    """Whether rows of bars or dots show values."""
    return (
        sum(map(len, marks.rows)) >= settings.min_marks
        and _values_vary(marks, settings)
        and _have_numbers(marks, settings)
        and not _are_in_table(marks, settings)
        and not _hold_text(marks, settings)
    )


def _values_vary(marks: MarkRows, settings: FigureSettings) -> bool:
    """Whether the ends of bars vary, while their other ends stand on a common line or touch."""
    edges = [_edges(row, dots=marks.dots) for row in marks.rows]
    places = sorted((edge, number) for number, row in enumerate(edges) for edge in row)
    own = {place for index, place in enumerate(places) if _is_own(places, index, settings)}
    counts = Counter(number for _, number in own)
    least = settings.own_edges_share
    varying = {number for number, count in counts.items() if count >= least * len(edges[number])}
    if len(varying) < max(settings.min_varying_rows, settings.varying_share * len(marks.rows)):
        return False
    return marks.dots or _have_base(marks, own, settings)


def _have_base(
    marks: MarkRows, own: Collection[tuple[float, int]], settings: FigureSettings
) -> bool:
    """Whether nearly all bars start where others do, or touch; `own` are edges that do not."""
    based = [
        (mark[0], number) not in own
        or (mark[2], number) not in own
        or _touches(mark, row, settings)
        for number, row in enumerate(marks.rows)
        for mark in row
    ]
    return sum(based) >= settings.based_share * len(based)


def _edges(row: Sequence[Box], *, dots: bool) -> list[float]:
    if dots:
        return [(mark[0] + mark[2]) / 2 for mark in row]
    return [edge for mark in row for edge in (mark[0], mark[2])]


def _is_own(places: Sequence[tuple[float, int]], index: int, settings: FigureSettings) -> bool:
    """Whether no other row has an edge in the place of this one; `places` are (x, row), sorted."""
    edge, row = places[index]
    for step in (-1, 1):
        other = index + step
        while 0 <= other < len(places) and abs(places[other][0] - edge) < settings.mark_tolerance:
            if places[other][1] != row:
                return False
            other += step
    return True


def _touches(mark: Box, row: Iterable[Box], settings: FigureSettings) -> bool:
    near = settings.mark_tolerance
    return any(abs(mark[0] - o[2]) < near or abs(mark[2] - o[0]) < near for o in row)


def _hold_text(marks: MarkRows, settings: FigureSettings) -> bool:
    """Whether text fills the bars, or words stand in many, as in cells, headings and marked text."""
    bars = [mark for row in marks.rows for mark in row]
    covered = sum(covered_area(bar, (line.box for line in marks.lines)) for bar in bars)
    if covered > settings.mark_text_share * sum(map(area, bars)):
        return True
    words = [line.box for line in marks.lines if not _is_number(line.text)]
    inside = sum(part_inside(word, bar) > settings.inside_share for bar in bars for word in words)
    return inside > settings.mark_words_share * len(bars)


def _have_numbers(marks: MarkRows, settings: FigureSettings) -> bool:
    """Whether numbers stand in most of the rows, or along an axis above or below them."""
    box, reach = marks.box, settings.number_reach
    near = [
        line
        for line in marks.lines
        if box[0] - reach < line.box[2] and line.box[0] < box[2] + reach
    ]
    numbers = [line for line in near if _is_number(line.text)]
    in_rows = sum(_beside(row, numbers) != [] for row in marks.rows)
    if in_rows >= max(settings.min_varying_rows, settings.numbered_share * len(marks.rows)):
        return True
    if len(marks.rows) <= settings.min_varying_rows:
        return False
    outside = [line for line in numbers if 0.0 < -shared_height(line.box, box) < reach]
    return sum(len(_NUMBER.findall(line.text)) for line in outside) >= settings.min_axis_numbers


def _is_number(text: str) -> bool:
    """Whether a line consists of numbers, units and signs: "45%", "+ 12.5", "$3m"."""
    words = sum(character.isalpha() for character in text)
    return sum(character.isdigit() for character in text) > words


def _beside(row: Sequence[Box], lines: Iterable[Line]) -> list[Line]:
    """The lines whose middle is at the height of a row."""
    return [line for line in lines if row[0][1] < (line.box[1] + line.box[3]) / 2 < row[0][3]]


def _are_in_table(marks: MarkRows, settings: FigureSettings) -> bool:
    """Whether bars stand in cells: with columns of text beside them that are not at their ends."""
    columns = [_columns_beside(row, marks, settings) for row in marks.rows]
    least = settings.table_rows_share * len(columns)
    if sum(count > settings.max_chart_columns for count in columns) > least:
        return True
    x0, _, x1, _ = marks.box
    reach = settings.number_reach
    between = sum(rule[0] < x0 - reach and rule[2] > x1 for rule in _inside(marks))
    return between >= least and sum(count > 1 for count in columns) > least


def _inside(marks: MarkRows) -> list[Box]:
    """The rules between the first row and the last."""
    _, top, _, bottom = marks.box
    return [rule for rule in marks.rules if top < rule[1] and rule[3] < bottom]


def _columns_beside(row: Sequence[Box], marks: MarkRows, settings: FigureSettings) -> int:
    """The number of texts left and right of all bars at the height of a row, up to a wide gap.

    The value at the end of the row's own bar does not count.
    """
    x0, _, x1, _ = marks.box
    texts = [line.box for line in _beside(row, marks.lines)]
    left = _chained([(x0 - text[2], x0 - text[0]) for text in texts if text[2] <= x0], settings)
    right = _chained([(text[0] - x1, text[2] - x1) for text in texts if text[0] >= x1], settings)
    value = row[-1][2] - x1 + settings.value_gap
    return len(list(left)) + sum(start > value for start in right)


def _chained(spans: Iterable[tuple[float, float]], settings: FigureSettings) -> Iterator[float]:
    """The starts of spans from 0 on, up to the first wide gap between two of them."""
    edge = 0.0
    for start, end in sorted(spans):
        if start - edge > settings.panel_gap:
            return
        yield start
        edge = end
