"""Charts of plain bars or dots, without axes: survey reports set them between two rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    covered_area,
    height,
    overlap,
    shared_height,
    shared_width,
    transposed,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.mark_rows import MarkRows, are_chart, rows_of
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_layout import TextLayout

__all__ = ["find_charts", "with_charts"]


def find_charts(
    paths: Sequence[DrawnPath], text: TextLayout, settings: FigureSettings
) -> list[Box]:
    """The box around the bars or dots of each chart on a page that is drawn of little else."""
    if sum(len(path.marks) for path in paths) < settings.min_marks:
        return []
    prose = [line.box for line in text.prose_lines]
    charts = [
        box
        for box in (*_lying_charts(paths, text, settings), *_standing_charts(paths, text, settings))
        if covered_area(box, prose) <= settings.table_text_share * area(box)
    ]
    groups = connected_groups(charts, lambda one, other: _are_one_chart(one, other, settings))
    return [union(*group) for group in groups]


def _lying_charts(
    paths: Sequence[DrawnPath], text: TextLayout, settings: FigureSettings
) -> Iterator[Box]:
    """The boxes of charts whose bars lie, and of those whose dots stand in rows."""
    rules = tuple(path.box for path in paths if height(path.box) < settings.rule_thickness)
    page = MarkRows(tuple(line for line in text.lines if line.upright), rules)
    gutters = [(x0, x1) for x0, _, x1, _ in text.gutters]
    yield from _charts(_marks(paths, dots=False), page, gutters, settings)
    yield from _charts(_marks(paths, dots=True), replace(page, dots=True), gutters, settings)


def _standing_charts(
    paths: Sequence[DrawnPath], text: TextLayout, settings: FigureSettings
) -> Iterator[Box]:
    """The boxes of charts whose bars stand: they lie where x and y are exchanged."""
    lines = (replace(line, box=transposed(line.box)) for line in text.lines if line.upright)
    bars = map(transposed, _marks(paths, dots=False))
    return map(transposed, _charts(bars, MarkRows(tuple(lines)), [], settings))


def _marks(paths: Iterable[DrawnPath], *, dots: bool) -> Iterator[Box]:
    return (mark for path in paths if path.straight != dots for mark in path.marks)


def with_charts(
    paths: Iterable[DrawnPath], charts: Sequence[Box], diagrams: Sequence[Box] = ()
) -> list[DrawnPath]:
    """The paths, the bars of charts and the boxes of diagrams as shapes, and the area of each.

    So what stands apart becomes one drawing, which is not taken for a table or for text boxes.
    """
    found = [DrawnPath(box, straight=False, frames=False) for box in (*charts, *diagrams)]
    for path in paths:
        part = path.marks and any(overlap(chart, path.box) == path.box for chart in charts)
        part = part or any(overlap(diagram, path.box) == path.box for diagram in diagrams)
        found.append(replace(path, straight=False, frames=False) if part else path)
    return found


def _charts(
    marks: Iterable[Box],
    page: MarkRows,
    gutters: Sequence[tuple[float, float]],
    settings: FigureSettings,
) -> Iterator[Box]:
    """The boxes of charts whose bars lie; `page` has what stands on it beside the marks."""

    def near(first: Box, second: Box) -> bool:
        return _are_near(first, second, gutters, settings)

    for alike in _of_one_height(marks, settings):
        for group in connected_groups(alike, near):
            rows = replace(page, rows=rows_of(group))
            if are_chart(rows, settings):
                yield rows.box


def _of_one_height(marks: Iterable[Box], settings: FigureSettings) -> Iterator[list[Box]]:
    """Marks of one height, if there are enough for a chart and not so many that it is a pattern."""
    group: list[Box] = []
    for mark in [*sorted(marks, key=height), (0.0, 0.0, 0.0, math.inf)]:
        if group and height(mark) - height(group[-1]) > settings.mark_tolerance / 2:
            if settings.min_marks <= len(group) <= settings.max_marks:
                yield group
            group = []
        group.append(mark)


def _are_near(
    first: Box, second: Box, gutters: Sequence[tuple[float, float]], settings: FigureSettings
) -> bool:
    """Whether two marks of one height may be of one chart: near, and not in two columns of text."""
    gap = max(settings.mark_gap, settings.mark_gap_ratio * height(first))
    if -shared_height(first, second) > gap or -shared_width(first, second) > settings.panel_gap:
        return False
    left, right = sorted((first, second))
    return not any(left[2] <= x0 and right[0] >= x1 for x0, x1 in gutters)


def _are_one_chart(first: Box, second: Box, settings: FigureSettings) -> bool:
    """Whether two groups of marks are parts of one chart: they overlap, or one continues the other."""
    if overlap(first, second):
        return True
    shared = shared_width(first, second) > settings.same_chart_share * max(
        width(first), width(second)
    )
    return shared and -shared_height(first, second) < settings.same_chart_gap
