"""The numbers at an axis, the title above a chart: text that is part of a drawing."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.boxes import Box, area, cut_back, grown, overlap, part_inside, union
from mmrerank.loaders.pdf.figures.layout import Layout
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import is_panel_caption

__all__ = ["with_labels"]

_PAGE_EDGE = 0.06  # of the height of the page

_FAR_LABEL, _FAR_ROWS = 100.0, 3  # points, rows

_TITLE, _AT_EDGE = 26.0, 10.0  # points from a chart up to its title, from a heading to the edge

_LONG = 80.0  # points; a shorter line may well stick out

_ON_IT, _ALONG_IT = 0.5, 0.9  # of a longer line's length

_MARGIN = 3.0  # points around a region, so that strokes are not cut


def with_labels(layout: Layout, drawing: Box, reach: float, *, far: bool = False) -> Box:
    """The box of a drawing and of the labels on and around it, with a margin.

    `reach` is in points, from the drawing to its labels; `far` also takes in what stands in the
    same rows farther away, as the names of long bars do. The box is cut back from body text,
    captions and the next column.
    """
    text = [line.box for block in layout.body + layout.captions for line in block.lines]
    stops = [grown(stop, 0.0, 1.0) for stop in text]
    drawn = box = cut_back(drawing, stops)
    box = _with_rows(layout, box, drawn, text) if far else box
    for _ in range(3):  # the numbers at an axis, its title, the second line of that
        near = grown(box, reach, reach)
        for label in layout.labels:
            title = far and _is_title(layout, label, box)
            if title or (overlap(label.box, near) and _is_label(layout, label, drawn)):
                wider = union(box, label.box)
                blocked = any(_runs_into(wider, stop, box) for stop in text)
                box = box if blocked else wider
    outside = [label.box for label in layout.labels if part_inside(label.box, box) < 0.5]
    with_margin = cut_back(grown(box, _MARGIN, _MARGIN), stops + outside, least=0.5)
    return overlap(union(box, with_margin), layout.whole) or box


def _with_rows(layout: Layout, box: Box, drawn: Box, text: Sequence[Box]) -> Box:
    """The box with the lines left and right of the drawing, where several stand there."""
    columns = [c for c in layout.columns if min(c[1], drawn[2]) - max(c[0], drawn[0]) > 5.0]
    x0, x1 = min(c[0] for c in columns or [drawn[::2]]), max(c[1] for c in columns or [drawn[::2]])
    near = [
        label.box
        for label in layout.labels
        if label.box[1] > drawn[1] - 4.0
        and label.box[3] < drawn[3] + 4.0
        and x0 < (label.box[0] + label.box[2]) / 2 < x1
    ]
    for left in (True, False):
        rows = [
            row
            for row in near
            if 0.0 < (drawn[0] - row[2] if left else row[0] - drawn[2]) < _FAR_LABEL
        ]
        if len(rows) >= _FAR_ROWS:
            wider = union(box, *rows)
            if not any(_runs_into(wider, stop, box) for stop in text):
                box = wider
    return box


def _is_label(layout: Layout, line: Line, drawn: Box) -> bool:
    """Whether a line near a drawing belongs to it: beside it, small, short or centred on it."""
    if _runs_past(line, drawn) or area(line.box) > area(drawn):
        return False
    beside = line.box[3] > drawn[1] + 2.0 and line.box[1] < drawn[3] - 2.0
    if beside or not line.upright or is_panel_caption(line.text):
        return True
    edge = _PAGE_EDGE * layout.whole[3]  # running titles and page numbers
    if line.box[3] < edge or line.box[1] > layout.whole[3] - edge:
        return False
    width, middle = drawn[2] - drawn[0], (drawn[0] + drawn[2]) / 2
    off_centre = abs((line.box[0] + line.box[2]) / 2 - middle)
    small = line.size < 0.9 * layout.body_size or len(line.text) < 10
    return line.box[2] - line.box[0] < 1.2 * width and (small or off_centre < 0.2 * width)


def _runs_past(line: Line, drawn: Box) -> bool:
    """Whether a line only begins or ends on a drawing or beside it, as text that runs past does."""
    low, high = (0, 2) if line.upright else (1, 3)
    length = line.box[high] - line.box[low]
    shared = min(line.box[high], drawn[high]) - max(line.box[low], drawn[low])
    least = _ON_IT if line.upright else _ALONG_IT
    return length > _LONG and 0.0 < shared < least * length


def _is_title(layout: Layout, line: Line, box: Box) -> bool:
    """Whether a bold line stands over a chart, away from the column's edge, as no heading does."""
    x0, _, x1, bottom = line.box
    over = -2.0 < box[1] - bottom < _TITLE and box[0] - 5.0 < x0 < x1 < box[2] + 5.0
    heading = line.size > 1.1 * layout.body_size or any(
        abs(column[0] - x0) < _AT_EDGE for column in layout.columns
    )
    return line.bold and line.upright and over and not heading


def _runs_into(wider: Box, stop: Box, box: Box) -> bool:
    # Boxes of lines are higher than their letters: a label and a caption may overlap by a hair.
    low = grown(stop, 0.0, -0.2 * min(stop[3] - stop[1], 10.0))
    return area(overlap(low, wider)) > area(overlap(low, box))
