"""The numbers at an axis, the title above a chart: text that is part of a drawing."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    cut_back,
    grown,
    height,
    overlap,
    part_inside,
    shared_height,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import is_panel_caption

__all__ = ["box_with_labels", "with_rows"]


def box_with_labels(
    layout: PageLayout, drawing: Box, reach: float, settings: FigureSettings, *, far: bool = False
) -> Box:
    """The box of a drawing and of the labels on and around it, with a margin.

    `reach` is in points, from the drawing to its labels; `far` also takes in bold titles and what
    stands in the same rows farther away, as the names of long bars do. The box is cut back from
    body text, captions and the next column.
    """
    text = _text_outside(layout)
    stops = [grown(stop, 0.0, settings.stop_margin) for stop in text]
    drawn = box = cut_back(drawing, stops, settings.min_cut_kept)
    if far:
        box = with_rows(layout, drawn, settings.max_row_gap, settings)
    for _ in range(settings.label_rounds):
        box = _with_near_labels(layout, box, drawn, text, reach, settings, titles=far)
    return _with_margin(layout, box, stops, settings)


def _with_near_labels(
    layout: PageLayout,
    box: Box,
    drawn: Box,
    text: Sequence[Box],
    reach: float,
    settings: FigureSettings,
    *,
    titles: bool,
) -> Box:
    """The box with the labels that stand within `reach` of it, and with `titles` those above."""
    near = grown(box, reach, reach)
    for label in layout.labels:
        touches = overlap(label.box, near) is not None
        if (titles and _is_title(layout, label, box, settings)) or (
            touches and _is_label(layout, label, drawn, settings)
        ):
            box = _widened(box, [label.box], text, settings)
    return box


def _widened(box: Box, labels: Sequence[Box], text: Sequence[Box], settings: FigureSettings) -> Box:
    """The box with some labels; the box alone if it would then run into text."""
    wider = union(box, *labels)
    return box if any(_runs_into(wider, stop, box, settings) for stop in text) else wider


def _runs_into(wider: Box, stop: Box, box: Box, settings: FigureSettings) -> bool:
    # Boxes of lines are higher than their letters: a label and a caption may overlap by a hair.
    if overlap(stop, wider) is None:
        return False
    slack = settings.line_slack_share * min(height(stop), settings.max_line_slack)
    low = grown(stop, 0.0, -slack)
    return area(overlap(low, wider)) > area(overlap(low, box))


def _with_margin(
    layout: PageLayout, box: Box, stops: Sequence[Box], settings: FigureSettings
) -> Box:
    """The box with a margin that keeps clear of text and of the labels of others."""
    outside = [label.box for label in layout.labels if part_inside(label.box, box) < 0.5]
    margin = grown(box, settings.region_margin, settings.region_margin)
    margin = cut_back(margin, [*stops, *outside], settings.margin_cut_kept)
    return overlap(union(box, margin), layout.whole) or box


def _text_outside(layout: PageLayout) -> list[Box]:
    """The lines of body text and captions, which are no labels."""
    return [line.box for block in layout.body + layout.captions for line in block.lines]


def with_rows(layout: PageLayout, drawn: Box, reach: float, settings: FigureSettings) -> Box:
    """The box of a drawing with the lines left and right of it, where several stand there.

    `reach` is in points, to the left; names of rows stand farther out than what is on the right.
    """
    text = _text_outside(layout)
    lines = _lines_beside(layout, drawn, settings)
    left = [line for line in lines if 0.0 < drawn[0] - line[2] < reach]
    right = [line for line in lines if 0.0 < line[0] - drawn[2] < settings.max_row_gap]
    box = drawn
    for rows in (left, right):
        if len(rows) >= settings.min_rows:
            box = _widened(box, rows, text, settings)
    return box


def _lines_beside(layout: PageLayout, drawn: Box, settings: FigureSettings) -> list[Box]:
    """The boxes of labels at the height of a drawing, in the columns that it stands in."""
    columns = [
        column
        for column in layout.columns
        if min(column[1], drawn[2]) - max(column[0], drawn[0]) > settings.column_tolerance
    ] or [(drawn[0], drawn[2])]
    x0, x1 = min(column[0] for column in columns), max(column[1] for column in columns)
    top, bottom = drawn[1] - settings.row_tolerance, drawn[3] + settings.row_tolerance
    boxes = [label.box for label in layout.labels]
    return [
        box for box in boxes if box[1] > top and box[3] < bottom and x0 < (box[0] + box[2]) / 2 < x1
    ]


def _is_label(layout: PageLayout, line: Line, drawn: Box, settings: FigureSettings) -> bool:
    """Whether a line near a drawing belongs to it: beside it, small, short or centred on it."""
    if _runs_past(line, drawn, settings) or area(line.box) > area(drawn):
        return False
    margin = settings.beside_height
    beside = line.box[3] > drawn[1] + margin and line.box[1] < drawn[3] - margin
    if beside or not line.upright or is_panel_caption(line.text):
        return True
    if _is_at_page_edge(layout, line.box, settings):
        return False
    if width(line.box) >= settings.max_label_ratio * width(drawn):
        return False
    small = line.size < settings.small_label_ratio * layout.body_size
    short = len(line.text) <= settings.max_short_label
    return small or short or _is_centred(line.box, drawn, settings)


def _is_at_page_edge(layout: PageLayout, box: Box, settings: FigureSettings) -> bool:
    """Where running heads and page numbers stand."""
    edge = settings.page_edge_share * layout.whole[3]
    return box[3] < edge or box[1] > layout.whole[3] - edge


def _is_centred(line: Box, drawn: Box, settings: FigureSettings) -> bool:
    off_centre = abs((line[0] + line[2]) / 2 - (drawn[0] + drawn[2]) / 2)
    return off_centre < settings.centred_share * width(drawn)


def _runs_past(line: Line, drawn: Box, settings: FigureSettings) -> bool:
    """Whether a line only begins or ends on a drawing or beside it, as text that runs past does."""
    if line.upright:
        length, shared = width(line.box), shared_width(line.box, drawn)
        least = settings.on_drawing_share
    else:
        length, shared = height(line.box), shared_height(line.box, drawn)
        least = settings.along_drawing_share
    return length > settings.min_passing_line and 0.0 < shared < least * length


def _is_title(layout: PageLayout, line: Line, box: Box, settings: FigureSettings) -> bool:
    """Whether a bold line stands over a chart, away from the column's edge, as no heading does."""
    if not (line.bold and line.upright):
        return False
    x0, _, x1, bottom = line.box
    near = -settings.title_overlap < box[1] - bottom < settings.max_title_gap
    left, right = box[0] - settings.column_tolerance, box[2] + settings.column_tolerance
    over = near and left < x0 < x1 < right
    return over and not _is_heading(layout, line, settings)


def _is_heading(layout: PageLayout, line: Line, settings: FigureSettings) -> bool:
    """Whether a bold line is larger than body text or starts at the edge of a column."""
    edges = (abs(column[0] - line.box[0]) for column in layout.columns)
    large = line.size > settings.title_size_ratio * layout.body_size
    return large or any(edge < settings.heading_edge for edge in edges)
