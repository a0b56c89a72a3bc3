"""The tables of a PDF page with their cells and the words in each; this runs in a worker process.

PyMuPDF finds tables and their grids (since 2.0 by a layout model in its wheel). Words come from the
page's own text layer: each is in one cell, the one around it or, if there is none, the nearest.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap, union
from mmrerank.loaders.pdf.page import Block, Line, Region, TableCell, TableGrid
from mmrerank.loaders.pdf.rotation import as_shown, turn_of
from mmrerank.loaders.pdf.table_headers import needs_rules, with_spanning_headers
from mmrerank.loaders.pdf.text.lines import read_words
from mmrerank.optional import require

__all__ = ["FoundTable", "find_tables", "with_cells"]

_TURNS = (90, 180, 270)

_SIDEWAYS = 0.5  # of a page's characters: the page is to be turned by its reader

_ROW_SHARE = 0.5  # of the lower line's height: two lines of a cell that are side by side


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table on the page as it is shown, and its cells without words."""

    box: Box
    grid: TableGrid


def find_tables(page: Any, blocks: Sequence[Block], min_cells: int) -> list[FoundTable]:
    """The tables of a PyMuPDF page, with or without lines, of at least `min_cells` rows and columns.

    A page that is set sideways, as `blocks` (its text) say, is turned for PyMuPDF, which finds no
    rows and columns in it otherwise. Raises RuntimeError where PyMuPDF fails.
    """
    turn = _upright_turn(page) if _is_sideways(blocks) else page.rotation
    if turn == page.rotation:
        return list(_tables(page, min_cells))
    turned, original = page.parent.load_page(page.number), page.rotation
    try:
        turned.set_rotation(turn)
        found = list(_tables(turned, min_cells))
        back = turned.derotation_matrix
    finally:
        turned.set_rotation(original)
    return [_mapped(_mapped(table, back), turn_of(page)) for table in found]


def _tables(page: Any, min_cells: int) -> Iterator[FoundTable]:
    """The tables of a page as it is shown; PyMuPDF turns pages itself before it measures."""
    said = io.StringIO()  # it recommends other packages, and says what went wrong
    with contextlib.redirect_stdout(said):
        finder = page.find_tables(refine=True)
    if finder is None:
        raise RuntimeError(f"its tables cannot be read: {said.getvalue().strip()}")
    for table in finder.tables:
        grid = tuple(
            tuple(
                TableCell(tuple(cell.bbox), cell.rowspan, cell.colspan)
                for cell in row
                if cell is not None and cell.bbox is not None
            )
            for row in table.placements or ()
        )
        columns = max((sum(cell.columns for cell in row) for row in grid), default=0)
        if min(len(grid), columns) >= min_cells:
            yield FoundTable(tuple(table.bbox), grid)


def _is_sideways(blocks: Sequence[Block]) -> bool:
    lines = [line for block in blocks for line in block.lines]
    sideways = sum(len(line.text) for line in lines if not line.upright)
    return sideways > _SIDEWAYS * sum(len(line.text) for line in lines)


def _upright_turn(page: Any) -> int:
    """The rotation at which most characters of a page are upright."""
    pymupdf = require("pymupdf")
    counts = {0: 0, **dict.fromkeys(_TURNS, 0)}
    for block in page.get_text("dict", flags=pymupdf.TEXT_MEDIABOX_CLIP)["blocks"]:
        for line in block.get("lines", ()):
            x, y = (round(part) for part in line["dir"])
            turn = {(1, 0): 0, (0, -1): 90, (-1, 0): 180, (0, 1): 270}.get((x, y), 0)
            counts[turn] += sum(len(span["text"]) for span in line["spans"])
    return max(counts, key=lambda turn: counts[turn])


def _mapped(table: FoundTable, matrix: Any) -> FoundTable:
    grid = tuple(
        tuple(replace(cell, box=as_shown(cell.box, matrix)) for cell in row) for row in table.grid
    )
    return FoundTable(as_shown(table.box, matrix), grid)


def with_cells(
    page: Any,
    blocks: Sequence[Block],
    regions: Sequence[Region],
    read_rules: Callable[[], Sequence[Box]] = tuple,
) -> list[Region]:
    """The regions, the cells of tables filled with the words of `blocks`, the text of the page.

    `read_rules` gives the boxes of the page's horizontal rules; few tables need them.
    """
    if not any(region.grid for region in regions):
        return list(regions)
    words = _WordsOfLines(page)
    captions = [region.caption for region in regions if region.caption]
    lines: dict[int, list[Line]] = {}
    for block in blocks:
        if block.caption is None or block not in captions:  # which PyMuPDF may take for a row
            for line in block.lines:
                lines.setdefault(_table_at(line, regions), []).append(line)
    found = [_with_lines(region, lines.get(i, ()), words) for i, region in enumerate(regions)]
    return _with_headers(found, read_rules)


def _with_headers(
    regions: Sequence[Region], read_rules: Callable[[], Sequence[Box]]
) -> list[Region]:
    """The regions, names in the first rows of tables spanning the columns that they stand over."""
    rules = read_rules() if any(needs_rules(region.grid) for region in regions) else ()
    return [replace(one, grid=with_spanning_headers(one.grid, rules)) for one in regions]


def _table_at(line: Line, regions: Sequence[Region]) -> int:
    """The index of the table that a line is in; -1 for a line outside of tables."""
    x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
    for index, region in enumerate(regions):
        x0, y0, x1, y1 = region.box
        if region.grid and x0 <= x <= x1 and y0 <= y <= y1:
            return index
    return -1


def _with_lines(region: Region, lines: Sequence[Line], words: _WordsOfLines) -> Region:
    """A table with these lines in its cells."""
    if not region.grid:
        return region
    boxes = frozenset(line.box for line in lines)
    return replace(region, grid=_filled(region.grid, lines, words), lines=boxes)


class _WordsOfLines:
    """The words of a page with their boxes, found by the line that they are in."""

    def __init__(self, page: Any) -> None:
        self._lines: dict[str, list[list[tuple[Box, str]]]] = {}
        for words in read_words(page):
            self._lines.setdefault("".join(word for _, word in words), []).append(words)

    def of(self, line: Line) -> list[tuple[Box, str]]:
        """The words of a line; the line as one word where the page's words are cut differently."""
        same = self._lines.get("".join(line.text.split()), [])
        shared = [area(overlap(union(*(box for box, _ in words)), line.box)) for words in same]
        best = max(shared, default=0.0)  # lines of equal text may overlap by a hair
        return same[shared.index(best)] if best else [(line.box, line.text)]


def _filled(grid: TableGrid, lines: Sequence[Line], words: _WordsOfLines) -> TableGrid:
    """The cells with the parts of lines that are in them."""
    cells = [cell for row in grid for cell in row]
    parts: dict[int, list[Line]] = {}
    for line in lines:
        for cell, part in _parts(line, words.of(line), cells):
            parts.setdefault(id(cell), []).append(part)
    return tuple(
        tuple(replace(cell, lines=_in_order(parts.get(id(cell), ()))) for cell in row)
        for row in grid
    )


def _parts(
    line: Line, words: Sequence[tuple[Box, str]], cells: Sequence[TableCell]
) -> Iterator[tuple[TableCell, Line]]:
    """The cells that a line is in, and its part in each."""
    by_cell: dict[int, list[tuple[Box, str]]] = {}
    for box, word in words:
        nearest = min(range(len(cells)), key=lambda index: _distance(box, cells[index].box))
        by_cell.setdefault(nearest, []).append((box, word))
    for index, inside in by_cell.items():
        box = union(*(box for box, _ in inside))
        yield cells[index], replace(line, box=box, text=" ".join(word for _, word in inside))


def _distance(box: Box, cell: Box) -> tuple[float, float]:
    """Points from the middle of a box to a cell, 0 inside; of several cells the smallest is meant."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    right, down = max(cell[0] - x, x - cell[2], 0.0), max(cell[1] - y, y - cell[3], 0.0)
    return right + down, area(cell)


def _in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a cell from top to bottom; those side by side from left to right."""
    if not all(line.upright for line in lines):
        return tuple(lines)
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box[1] + line.box[3]):
        if rows and _is_beside(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return tuple(line for row in rows for line in sorted(row, key=lambda line: line.box[0]))


def _is_beside(first: Box, second: Box) -> bool:
    shared = min(first[3], second[3]) - max(first[1], second[1])
    return shared > _ROW_SHARE * min(first[3] - first[1], second[3] - second[1])
