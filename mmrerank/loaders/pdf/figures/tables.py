"""The tables of a PDF page among its figures: their captions, and what they replace."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.boxes import Box, mostly_inside, shared_height, shared_width
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Region
from mmrerank.loaders.pdf.table_grids import FoundTable

__all__ = ["captions_of", "with_tables", "without_tables"]


def captions_of(
    tables: Sequence[Box], captions: Sequence[Block], settings: FigureSettings
) -> list[Block | None]:
    """The caption of each table: the nearest above it, or below; None if none is near."""
    free = [block for block in captions if block.caption and block.caption.kind == "table"]
    farthest = settings.max_table_caption_gap
    chosen: list[Block | None] = []
    for box in tables:
        gaps = [(_gap(box, block.box, farthest), index) for index, block in enumerate(free)]
        gap, index = min(gaps, default=(farthest, -1))
        chosen.append(free.pop(index) if gap < farthest else None)
    return chosen


def _gap(table: Box, caption: Box, farthest: float) -> float:
    """Points of white between a table and a caption above or below it; else `farthest`."""
    return (
        farthest if shared_width(table, caption) < 0.0 else max(-shared_height(table, caption), 0.0)
    )


def with_tables(
    regions: Sequence[Region],
    found: Sequence[FoundTable],
    captions: Sequence[Block],
    settings: FigureSettings,
) -> list[Region]:
    """The regions and the tables in `found`, each with its caption.

    `regions` are the figures and tables that have a caption, `found` the tables that PyMuPDF finds;
    those inside a figure are left out. A region that was taken for a table because of its caption
    gives way to the table in `found`.
    """
    figures = [region.box for region in regions if region.label and region.kind != "table"]
    found = [table for table in found if not _is_in_any(table.box, figures)]
    boxes = [table.box for table in found]
    own_captions = captions_of(boxes, captions, settings)
    tables = [
        Region(table.box, "table", caption, table.grid)
        for table, caption in zip(found, own_captions, strict=True)
    ]
    others = [region for region in regions if not _gives_way(region, boxes, own_captions)]
    return others + tables


def without_tables(regions: Sequence[Region]) -> list[Region]:
    """The regions that are figures."""
    return [region for region in regions if region.kind != "table"]


def _gives_way(region: Region, boxes: Sequence[Box], captions: Sequence[Block | None]) -> bool:
    """Whether a region is one of the tables in `boxes`, or has the caption of one."""
    if region.kind == "table" and region.caption in captions:
        return True
    around_table = any(mostly_inside(box, region.box) for box in boxes)
    if region.kind == "table" and around_table:
        return True
    return region.kind in ("table", "vector", "text") and _is_in_any(region.box, boxes)


def _is_in_any(box: Box, others: Sequence[Box]) -> bool:
    return any(mostly_inside(box, other) for other in others)
