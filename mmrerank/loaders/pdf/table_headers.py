"""Header rows of PDF tables whose names span several columns, with the column names below them.

Such tables have no vertical rules, so that the grid that was found gives a spanning name to the
column in which its middle happens to be. A rule below the name says what it spans; without one,
the name stands over the middle of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from mmrerank.loaders.boxes import Box, shared_width, union, width
from mmrerank.loaders.pdf.page import Line, TableCell, TableGrid
from mmrerank.loaders.pdf.table_columns import Columns, middle

__all__ = ["needs_rules", "with_spanning_headers"]

_LETTER = re.compile(r"[^\W\d_]")

_NAME = re.compile(r"[^\W\d_]|\b(?:1[89]|20)\d\d\b")

_MAX_ROWS = 2  # rows of spanning names, above the row of column names

_ALIGNED = 3.0  # points: a name at the left, right or middle of its own column spans nothing else

_CLOSER = 4.0  # points by which a name must be nearer to the middle of several columns

_OFF_MIDDLE = 0.1  # of the columns' width

_RULE_SHARE = 0.97  # of a table's width: a longer rule is below the whole row

_RULE_GAP = 3.0  # points that a rule may be above or below the space between two rows


def needs_rules(grid: TableGrid) -> bool:
    """Whether the first row has names and gaps, so that the rules below it are worth reading."""
    return _is_upright(grid) and (_may_span(grid, 0) or _may_span(_split(grid, 0), 0))


def with_spanning_headers(grid: TableGrid, rules: Sequence[Box] = ()) -> TableGrid:
    """The grid, in which names of the first rows span the columns that they stand over.

    `rules` are the boxes of horizontal rules on the page. Beside such names, a cell that is empty
    in one of the two rows becomes one with that above or below it. No line changes its place among
    the columns, and none is lost.
    """
    rows = list(grid)
    if not _is_upright(rows):
        return grid
    for number in range(_MAX_ROWS):
        for candidate in (rows, _split(rows, number)):
            joined = _joined(candidate, number, rules) if _may_span(candidate, number) else None
            if joined is not None:
                rows = [*candidate[:number], *joined, *candidate[number + 2 :]]
                break
        else:
            break
    return tuple(rows)


def _is_upright(rows: Sequence[Sequence[TableCell]]) -> bool:
    """Whether rows follow each other down the page, as they do not on a page set sideways."""
    return all(line.upright for row in rows for cell in row for line in cell.lines)


def _split(rows: Sequence[tuple[TableCell, ...]], number: int) -> list[tuple[TableCell, ...]]:
    """The rows, the lines at the top of one as a row of their own; they were found as one row."""
    row = rows[number] if number < len(rows) else ()
    bottoms = [line.box[3] for cell in row for line in cell.lines]
    if not bottoms or any(cell.rows > 1 for cell in row):
        return list(rows)
    top = min(bottoms)
    cells = [(cell, _lines_above(cell, top)) for cell in row]
    upper = tuple(replace(cell, lines=above) for cell, above in cells)
    lower = tuple(replace(cell, lines=cell.lines[len(above) :]) for cell, above in cells)
    return [*rows[:number], upper, lower, *rows[number + 1 :]]


def _lines_above(cell: TableCell, bottom: float) -> tuple[Line, ...]:
    """The first lines of a cell whose middle is above."""
    count = sum(line.box[1] + line.box[3] < 2 * bottom for line in cell.lines)
    return cell.lines[:count]


def _may_span(grid: Sequence[Sequence[TableCell]], number: int) -> bool:
    """Whether a row has gaps between its names, and the next has more names; cells below both."""
    if number + 2 >= len(grid):
        return False
    row, names = grid[number], grid[number + 1]
    simple = all(cell.rows == 1 for cell in (*row, *names)) and all(c.columns == 1 for c in names)
    filled = [bool(cell.lines) for cell in row]
    has_gaps = any(filled) and not all(filled[1:])  # the first column names the rows
    return simple and has_gaps and sum(bool(c.lines) for c in names) > 1


def _joined(
    rows: Sequence[Sequence[TableCell]], number: int, rules: Sequence[Box]
) -> tuple[tuple[TableCell, ...], tuple[TableCell, ...]] | None:
    """The row and that below it, with cells that span; None if no name spans several columns."""
    row, names = _single(rows[number]), rows[number + 1]
    columns = Columns.of(rows[number + 1 :])
    if len(row) != len(columns.boxes) or len(names) != len(row):
        return None
    spans = _spans(row, names, columns, _rules_between(rows[number], names, rules))
    wide = [names[first : last + 1] for first, last in spans if last > first]
    return _two_rows(row, names, spans) if wide and all(map(_are_names, wide)) else None


def _two_rows(
    row: Sequence[TableCell], names: Sequence[TableCell], spans: Sequence[tuple[int, int]]
) -> tuple[tuple[TableCell, ...], tuple[TableCell, ...]]:
    """A row whose names span these columns, and the row below it."""
    above: list[TableCell] = []
    below: list[TableCell] = []
    column = 0
    for first, last in [*spans, (len(row), len(row))]:
        for gap in range(column, first):
            _add_gap(row[gap], names[gap], above, below)
        if first < len(row) and first == last and not names[first].lines:
            _add_gap(row[first], names[first], above, below)
        elif first < len(row):
            above.append(_merged(row[first : last + 1], columns=last - first + 1))
            below.extend(names[first : last + 1])
        column = last + 1
    return tuple(above), tuple(below)


def _add_gap(
    upper: TableCell, lower: TableCell, above: list[TableCell], below: list[TableCell]
) -> None:
    """Add two cells, as one of two rows where one of them is empty."""
    if upper.lines and lower.lines:
        above.append(upper)
        below.append(lower)
    else:
        above.append(replace(_merged([upper, lower], columns=1), rows=2))


def _merged(cells: Sequence[TableCell], *, columns: int) -> TableCell:
    lines = tuple(chain.from_iterable(cell.lines for cell in cells))
    return TableCell(union(*(cell.box for cell in cells)), 1, columns, lines)


def _single(row: Sequence[TableCell]) -> list[TableCell]:
    """The cells of a row, one for each column; the lines of a wider cell are in its first column."""
    cells: list[TableCell] = []
    for cell in row:
        x0, y0, x1, y1 = cell.box
        step = (x1 - x0) / cell.columns
        for place in range(cell.columns):
            box = (x0 + place * step, y0, x0 + (place + 1) * step, y1)
            cells.append(TableCell(box, lines=cell.lines if not place else ()))
    return cells


def _rules_between(
    row: Sequence[TableCell], names: Sequence[TableCell], rules: Sequence[Box]
) -> list[Box]:
    """The rules below a row that are shorter than the table."""
    above = [line.box for cell in row for line in cell.lines]
    below = [line.box for cell in names for line in cell.lines]
    top, bottom = min(box[3] for box in above), max(box[1] for box in below)
    whole = union(*(cell.box for cell in (*row, *names)))
    return [
        rule
        for rule in rules
        if top - _RULE_GAP <= rule[1] <= bottom + _RULE_GAP
        and width(rule) < _RULE_SHARE * width(whole)
        and shared_width(rule, whole) > 0.5 * width(rule)
    ]


def _spans(
    row: Sequence[TableCell],
    names: Sequence[TableCell],
    columns: Columns,
    rules: Sequence[Box],
) -> list[tuple[int, int]]:
    """The first and last column of each name in the row, in order; they share no column."""
    filled = [place for place, cell in enumerate(row) if cell.lines]
    spans: list[tuple[int, int]] = []
    for index, place in enumerate(filled):
        start = spans[-1][1] + 1 if spans else 0
        end = filled[index + 1] - 1 if index + 1 < len(filled) else len(row) - 1
        box = union(*(line.box for line in row[place].lines))
        span = _ruled(box, columns, rules)
        if span is None:
            span = _centred(row[place].lines, box, (start, place, end), names, columns)
        first, last = max(span[0], start), max(min(span[1], len(row) - 1), start)
        if any(start <= other <= last for other in filled[index + 1 :]):
            last = min(last, end)
        spans.append((min(first, place) if not spans else max(min(first, place), start), last))
    return spans


def _ruled(name: Box, columns: Columns, rules: Sequence[Box]) -> tuple[int, int] | None:
    """The columns above which the rule below a name lies; None without such a rule."""
    for rule in rules:
        if rule[0] <= middle(name) <= rule[2]:
            over = [
                place
                for place, (box, text) in enumerate(zip(columns.boxes, columns.texts, strict=True))
                if rule[0] <= middle(text or box) <= rule[2]
            ]
            if over and (over[0] > 0 or over[-1] == len(columns.boxes) - 1):
                return over[0], over[-1]
    return None


def _centred(
    lines: Sequence[Line],
    name: Box,
    reach: tuple[int, int, int],
    names: Sequence[TableCell],
    columns: Columns,
) -> tuple[int, int]:
    """The columns over whose middle a name stands; its own column if it stands over that."""
    place = reach[1]
    own = columns.texts[place]
    if own and _is_aligned(name, own) and width(name) <= width(own) + _ALIGNED:
        return place, place
    if not _LETTER.search(" ".join(line.text for line in lines)):
        return place, place
    centre = middle(name)

    def distance(span: tuple[int, int]) -> float:
        return min(abs(centre - other) for other in columns.middles(*span))

    wider = _wider(reach, names)
    best = min(wider, key=lambda span: (round(distance(span)), span[0] - span[1]), default=None)
    if best is None:
        return place, place
    across = columns.boxes[best[1]][2] - columns.boxes[best[0]][0]
    near = distance(best) <= _OFF_MIDDLE * across
    # Without a rule, a name on two lines looks the same, but stands over its own column.
    apart = not names[place].lines or distance(best) + _CLOSER <= distance((place, place))
    return best if near and apart else (place, place)


def _wider(reach: tuple[int, int, int], names: Sequence[TableCell]) -> Iterator[tuple[int, int]]:
    """The spans of several named columns around a place, within its reach (start, place, end).

    The first column names the rows; only a name over all columns is over that one, too.
    """
    start, place, end = reach
    for first in range(start, place + 1):
        for last in range(max(place, first + 1), end + 1):
            over_rows = first == 0 and last < len(names) - 1
            if not over_rows and _names_in(names, first, last) > 1:
                yield first, last


def _is_aligned(name: Box, text: Box) -> bool:
    """Whether a name stands at the left, at the right or over the middle of its column's text."""
    return (
        abs(name[0] - text[0]) <= _ALIGNED
        or abs(name[2] - text[2]) <= _ALIGNED
        or abs(middle(name) - middle(text)) <= _ALIGNED
    )


def _are_names(cells: Sequence[TableCell]) -> bool:
    """Whether these are the names of two columns or more, and not numbers; a year is a name."""
    named = [" ".join(line.text for line in cell.lines) for cell in cells if cell.lines]
    return len(named) > 1 and all(_NAME.search(text) for text in named)


def _names_in(names: Sequence[TableCell], first: int, last: int) -> int:
    return sum(bool(cell.lines) for cell in names[first : last + 1])
