"""Tables in a picture: rules and tinted cells between rows of text, which are no figure."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    covered_area,
    height,
    mostly_inside,
    shared_height,
    width,
)
from mmrerank.loaders.pdf.figures.paths import PageDrawing
from mmrerank.loaders.pdf.figures.tracing_settings import TracingSettings

__all__ = ["holds_photograph", "is_table_in_picture"]


def is_table_in_picture(
    box: Box, lines: Sequence[Box], drawing: PageDrawing, settings: TracingSettings
) -> bool:
    """Whether what is drawn in a box is a table: text in rows and columns, and little but rules.

    `lines` are the boxes of the lines of text. Tinted cells have text in them, bars of a chart
    have it beside them.
    """
    if holds_photograph(box, drawing, settings) or _holds_curves(box, drawing, settings):
        return False
    inside = [line for line in lines if mostly_inside(line, box)]
    if covered_area(box, inside) < settings.min_cell_share * area(box):
        return False
    return _stands_in_columns(inside, settings) and not _holds_bars(box, inside, drawing, settings)


def _stands_in_columns(lines: Sequence[Box], settings: TracingSettings) -> bool:
    """Whether most rows of text have two lines or more, side by side."""
    rows = connected_groups(lines, _are_in_one_row)
    full = [row for row in rows if len(row) > 1]
    return len(full) >= max(settings.min_table_rows, settings.full_row_share * len(rows))


def _holds_bars(
    box: Box, lines: Sequence[Box], drawing: PageDrawing, settings: TracingSettings
) -> bool:
    """Whether filled areas without text in them cover a good part of a box."""
    areas = [path.box for path in drawing.paths if path.marks and mostly_inside(path.box, box)]
    bars = [bar for bar in areas if not any(mostly_inside(line, bar) for line in lines)]
    return covered_area(box, bars) >= settings.max_bar_share * area(box)


def _holds_curves(box: Box, drawing: PageDrawing, settings: TracingSettings) -> bool:
    """Whether there are curves in a box that are larger than letters: circles, arrows, series."""
    shapes = (path.box for path in drawing.paths if not path.straight)
    large = [s for s in shapes if min(width(s), height(s)) > settings.min_curve_side]
    return sum(mostly_inside(shape, box) for shape in large) >= settings.min_curves


def holds_photograph(box: Box, drawing: PageDrawing, settings: TracingSettings) -> bool:
    """Whether photographs cover a good part of a box."""
    return covered_area(box, drawing.images) > settings.min_photograph_share * area(box)


def _are_in_one_row(first: Box, second: Box) -> bool:
    return shared_height(first, second) > 0.5 * min(height(first), height(second))
