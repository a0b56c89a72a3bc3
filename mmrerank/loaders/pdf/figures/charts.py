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
    bars = [mark for path in paths if path.straight for mark in path.marks]
    dots = [mark for path in paths if not path.straight for mark in path.marks]
    if max(len(bars), len(dots)) < settings.min_marks:
        return []
    rules = tuple(path.box for path in paths if height(path.box) < settings.rule_thickness)
    upright = tuple(line for line in text.lines if line.upright)
    turned = tuple(replace(line, box=transposed(line.box)) for line in upright)
    lying, standing = MarkRows(upright, rules), MarkRows(turned)
    gutters = [(x0, x1) for x0, _, x1, _ in text.gutters]
    charts = [
        *_charts(bars, lying, gutters, settings),
        *_charts(dots, replace(lying, dots=True), gutters, settings),
        *map(transposed, _charts(list(map(transposed, bars)), standing, [], settings)),
    ]
    prose = [line.box for line in text.prose_lines]
    free = [box for box in charts if not _is_on_text(box, prose, settings)]
    return [
        union(*group)
        for group in connected_groups(free, lambda a, b: _are_one_chart(a, b, settings))
    ]


def with_charts(paths: Iterable[DrawnPath], charts: Sequence[Box]) -> list[DrawnPath]:
    """The paths, the bars of charts as shapes, and each chart's box as one more.

    So bars that stand apart become one drawing, which is not taken for a table.
    """
    found = [DrawnPath(box, straight=False, frames=False) for box in charts]
    for path in paths:
        in_chart = path.marks and any(overlap(chart, path.box) == path.box for chart in charts)
        found.append(replace(path, straight=False, frames=False) if in_chart else path)
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


def _is_on_text(box: Box, prose: Iterable[Box], settings: FigureSettings) -> bool:
    return covered_area(box, prose) > settings.table_text_share * area(box)


def _are_one_chart(first: Box, second: Box, settings: FigureSettings) -> bool:
    """Whether two groups of marks are parts of one chart: they overlap, or one continues the other."""
    if overlap(first, second):
        return True
    shared = shared_width(first, second) > settings.same_chart_share * max(
        width(first), width(second)
    )
    return shared and -shared_height(first, second) < settings.same_chart_gap
