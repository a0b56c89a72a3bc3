"""What belongs to a chart without axes: all that stands between its title and the note below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mmrerank.loaders.boxes import Box, grown, mostly_inside, overlap, shared_width, union, width
from mmrerank.loaders.pdf.figures.labels import box_with_labels, with_rows
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Line

__all__ = ["chart_zone", "is_note"]

_NOTE = re.compile(
    r"(?:notes?|sources?|base|anmerkung|quelle|lecture|nota|fuente|fonte)\s?[:.]", re.IGNORECASE
)


def is_note(text: str) -> bool:
    """Whether text begins as notes and sources under figures do."""
    return _NOTE.match(text) is not None


def chart_zone(
    layout: PageLayout, drawing: Box, settings: FigureSettings
) -> tuple[Box, Block | None]:
    """The box of a chart with its labels, legend and column heads; and its title, if it has one.

    `drawing` is the box around its bars.
    """
    layout = replace(layout, labels=tuple(_own_labels(layout, drawing, settings)))
    rows = with_rows(layout, drawing, settings.max_name_gap, settings)
    title = _title_above(layout, rows, settings)
    top = title.box[3] - settings.title_overlap if title else 0.0
    bottom = _top_of_note(layout.labels, rows, settings)
    inside = [line for line in layout.labels if line.box[1] >= top and line.box[1] < bottom]
    part = replace(layout, labels=tuple(inside))
    box = box_with_labels(part, drawing, settings.label_reach, settings, far=True)
    box = union(box, rows)
    return (union(box, *_heads(inside, title.box, box, settings)) if title else box), title


def _own_labels(layout: PageLayout, drawing: Box, settings: FigureSettings) -> Iterator[Line]:
    """The labels of a page without those on and at the bars of other charts."""
    reach = settings.number_reach
    others = [grown(box, reach, 0.0) for box in layout.charts if not mostly_inside(box, drawing)]
    for line in layout.labels:
        if overlap(line.box, drawing) or not any(overlap(line.box, other) for other in others):
            yield line


def _title_above(layout: PageLayout, rows: Box, settings: FigureSettings) -> Block | None:
    """The nearest bold block over a chart that starts at its left edge, or is as wide as it."""
    above = [title for title in layout.titles if _may_be_title(title.box, rows, settings)]
    title = max(above, key=lambda title: title.box[3], default=None)
    if title is None:
        return None
    between = (rows[0], title.box[3] + 1.0, rows[2], rows[1] - 1.0)
    long = (block for block in layout.body if len(block.lines) > settings.max_subtitle_lines)
    others = [
        *(block.box for block in (*layout.captions, *long) if block is not title),
        *(item.box for item in layout.drawings),
    ]
    return None if any(overlap(other, between) for other in others) else title


def _may_be_title(title: Box, rows: Box, settings: FigureSettings) -> bool:
    gap = rows[1] - title[3]
    if not -settings.title_overlap < gap < settings.max_chart_head:
        return False
    at_left = -settings.title_outdent < title[0] - rows[0] < settings.title_indent
    wide = shared_width(title, rows) > settings.title_width_share * width(rows)
    return at_left or wide


def _heads(labels: Iterable[Line], title: Box, box: Box, settings: FigureSettings) -> list[Box]:
    """The boxes of the lines between a title and its chart: legend, subtitle, column heads."""
    left, right = min(title[0], box[0]), max(title[2], box[2])
    indent = settings.title_indent
    return [
        line.box
        for line in labels
        if line.box[3] < box[1] + settings.title_overlap
        and line.box[0] > left - indent
        and line.box[2] < right + indent
    ]


def _top_of_note(labels: Iterable[Line], rows: Box, settings: FigureSettings) -> float:
    """Where the first note or source under a chart begins; far below the page if there is none."""
    return min(
        (
            line.box[1] - settings.title_overlap
            for line in labels
            if line.box[1] > rows[3] - settings.title_overlap
            and shared_width(line.box, rows) > 0.0
            and (is_note(line.text) or len(line.text) > settings.max_axis_title)
        ),
        default=float("inf"),
    )
