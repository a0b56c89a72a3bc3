"""The tables of a page as blocks of text, in place of the lines that their cells are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.page import Block, Line, Region
from mmrerank.loaders.pdf.text.lines import joined, make_block
from mmrerank.loaders.table_text import Cell, table_text

__all__ = ["insert_tables"]


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
    rows = tuple(
        tuple(
            Cell(joined(cell.lines, words) if cell.lines else "", cell.rows, cell.columns)
            for cell in row
        )
        for row in region.grid
    )
    return Block(region.box, table_text(rows), tuple(lines), in_figure=True, rows=rows)
