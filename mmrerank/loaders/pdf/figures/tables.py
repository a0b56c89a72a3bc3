"""The tables of a PDF page, as PyMuPDF finds them (since 2.0 by a layout model in its wheel)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from mmrerank.loaders.boxes import Box, overlap
from mmrerank.loaders.pdf.figures.paths import as_shown, turn_of
from mmrerank.loaders.pdf.page import Block

__all__ = ["captions_of", "find_tables"]

_FAR = 40.0  # points between a table and its caption

_CELLS = 2  # rows and columns at the least: one row in a frame is no table


def find_tables(page: Any) -> list[Box]:
    """The boxes of the tables on a PyMuPDF page as it is shown, ruled or not."""
    with contextlib.redirect_stdout(io.StringIO()):  # it recommends other packages
        found = page.find_tables().tables
    boxes = [table.bbox for table in found if min(table.row_count, table.col_count) >= _CELLS]
    return [as_shown(tuple(box), turn_of(page)) for box in boxes]


def captions_of(tables: Sequence[Box], captions: Sequence[Block]) -> list[Block | None]:
    """The caption of each table: the nearest above it, or below; None where none is near."""
    free = [block for block in captions if block.caption and block.caption.kind == "table"]
    owned: list[Block | None] = []
    for box in tables:
        gaps = [(_gap(box, block.box), index) for index, block in enumerate(free)]
        gap, index = min(gaps, default=(_FAR, -1))
        owned.append(free.pop(index) if gap < _FAR else None)
    return owned


def _gap(table: Box, caption: Box) -> float:
    """Points of white between a table and a caption above or below it."""
    if overlap((table[0], 0.0, table[2], 0.0), (caption[0], 0.0, caption[2], 0.0)) is None:
        return _FAR
    return max(table[1] - caption[3], caption[1] - table[3], 0.0)
