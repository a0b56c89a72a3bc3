"""The tables of a page as blocks of text, in place of the lines that their cells are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, product

from mmrerank.loaders.boxes import Box, shared_width, width
from mmrerank.loaders.pdf.page import Block, Line, Region
from mmrerank.loaders.pdf.text.lines import joined, make_block
from mmrerank.loaders.table_text import Cell, Row, table_text

__all__ = ["continued", "insert_tables", "without_empty"]

_BELOW = 0.8  # of the narrower part of a table that goes on: PyMuPDF may find its rules or its text


def insert_tables(
    blocks: Sequence[Block], regions: Iterable[Region], words: Collection[str] = ()
) -> list[Block]:
    """The blocks of a page with a block for each table, which stands where its first line stood.

    Each word is in the table or outside, never in both. `words` are those of the document, which
    tell whether a hyphen at the end of a line belongs to its word.
    """
    tables = [region for region in regions if region.lines]
    owners = {box: region for region in tables for box in region.lines}
    own = {id(region): _lines_of(region, blocks) for region in tables}
    inserted: list[Block] = []
    for block in blocks:
        for region, lines in _runs(block.lines, owners):
            if region is None:
                whole = len(lines) == len(block.lines)
                inserted.append(block if whole else make_block(lines, words))
            elif taken := own.pop(id(region), None):
                inserted.append(_table_block(region, taken, words))
    return inserted


def _lines_of(region: Region, blocks: Iterable[Block]) -> list[Line]:
    return [line for block in blocks for line in block.lines if line.box in region.lines]


def _runs(
    lines: Iterable[Line], owners: Mapping[Box, Region]
) -> Iterator[tuple[Region | None, list[Line]]]:
    """Lines that follow each other and are in the same table, or in none."""
    for _, run in groupby(lines, key=lambda line: id(owners.get(line.box))):
        together = list(run)
        yield owners.get(together[0].box), together


def _table_block(region: Region, lines: Sequence[Line], words: Collection[str]) -> Block:
    rows = without_empty(
        [
            [
                Cell(joined(cell.lines, words) if cell.lines else "", cell.rows, cell.columns)
                for cell in row
            ]
            for row in region.grid
        ]
    )
    return Block(region.box, table_text(rows), tuple(lines), in_figure=True, rows=rows)


def continued(blocks: Sequence[Block], before: Block | None) -> list[Block]:
    """The blocks of a page; a table that goes on from the page before begins with its first row.

    `before` is the last block of the page before. The tables have the same columns, and nothing
    stands between them.
    """
    if before is None or not blocks or not _goes_on(before, blocks[0]):
        return list(blocks)
    header = before.rows[: max(cell.rows for cell in _cells(before.rows[0]))]
    rows = (*header, *blocks[0].rows)
    return [replace(blocks[0], rows=rows, text=table_text(rows)), *blocks[1:]]


def _goes_on(before: Block, block: Block) -> bool:
    if not (before.rows and block.rows):
        return False
    narrower = min(width(before.box), width(block.box))
    below = shared_width(before.box, block.box) > _BELOW * narrower
    return below and _columns(before) == _columns(block) and before.rows[0] != block.rows[0]


def _columns(block: Block) -> int:
    return sum(cell.columns for cell in _cells(block.rows[0]))


def _cells(row: Row) -> list[Cell]:
    return [Cell(cell) if isinstance(cell, str) else cell for cell in row]


def without_empty(rows: Sequence[Sequence[Cell]]) -> tuple[Row, ...]:
    """The rows of a table without the columns and rows that no text is in.

    Rules and backgrounds cut a table into narrow columns, most of which are empty. A cell spans what
    is left of its columns and rows; empty cells span nothing.
    """
    filled = [(row, column, cell) for row, column, cell in _placed(rows) if cell.text]
    kept_rows = _needed([(row, cell.rows) for row, _, cell in filled])
    kept_columns = _needed([(column, cell.columns) for _, column, cell in filled])
    # None is a place that a cell above or to the left covers.
    slots: dict[tuple[int, int], Cell | None] = {}
    for row, column, cell in filled:
        own_rows = _within(kept_rows, row, cell.rows)
        own_columns = _within(kept_columns, column, cell.columns)
        slots.update(dict.fromkeys(product(own_rows, own_columns)))
        slots[own_rows[0], own_columns[0]] = Cell(cell.text, len(own_rows), len(own_columns))
    found = ([slots.get((row, column), Cell("")) for column in kept_columns] for row in kept_rows)
    return tuple(tuple(cell for cell in cells if cell is not None) for cells in found)


def _within(places: Sequence[int], start: int, length: int) -> list[int]:
    return [place for place in places if start <= place < start + length]


def _placed(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int, Cell]]:
    """Each cell with the first row and column that it covers."""
    taken: set[tuple[int, int]] = set()
    for row, cells in enumerate(rows):
        column = 0
        for cell in cells:
            while (row, column) in taken:
                column += 1
            yield row, column, cell
            for below in range(cell.rows):
                taken.update((row + below, column + right) for right in range(cell.columns))


def _needed(spans: Sequence[tuple[int, int]]) -> list[int]:
    """The fewest places, about, of which each span (its first place and its length) has one."""
    needed: set[int] = set()
    for start, length in sorted(spans, key=lambda span: span[1]):
        if not any(start <= place < start + length for place in needed):
            needed.add(start)
    return sorted(needed)
