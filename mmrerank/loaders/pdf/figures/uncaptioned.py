"""The drawings without a caption that look like figures."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    covered_area,
    mostly_inside,
    overlap,
    part_inside,
    union,
)
from mmrerank.loaders.pdf.figures.chart_zones import chart_zone
from mmrerank.loaders.pdf.figures.components import Component, is_big, kind_of
from mmrerank.loaders.pdf.figures.labels import box_with_labels
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Region
from mmrerank.loaders.pdf.text.lines import is_panel_caption

__all__ = ["uncaptioned_regions"]


def uncaptioned_regions(
    layout: PageLayout, taken: Sequence[Box], settings: FigureSettings
) -> list[Region]:
    """The drawings outside `taken` that look like figures; those that overlap are one."""
    figures = [
        item
        for item in layout.drawings
        if not any(mostly_inside(item.box, box) for box in taken)
        and _is_figure(layout, item, settings)
    ]
    zones = [_zone_of(layout, item, settings) for item in figures]
    boxes = _with_panels_joined(layout, [box for box, _ in zones])
    regions = []
    for group in _overlapping(boxes, figures, settings):
        box = union(*(boxes[index] for index in group))
        kind = kind_of([figures[index] for index in group], settings)
        titles = [title for index in group if (title := zones[index][1])]
        title = min(titles, key=lambda title: title.box[1], default=None)
        regions.append(Region(_with_frame(layout, box, taken, settings), kind, title))
    return regions


def _is_figure(layout: PageLayout, item: Component, settings: FigureSettings) -> bool:
    """Whether a component without a caption is a figure: big enough, and not a table."""
    if not is_big(item.box, settings):
        return False
    if item.shapes or item.images:
        return True
    text = covered_area(item.box, (line.box for line in layout.labels))
    open_lines = text < settings.table_text_share * area(item.box)
    return open_lines and item.straight > settings.max_frame_paths


def _is_photograph(item: Component, settings: FigureSettings) -> bool:
    return kind_of([item], settings) == "raster"


def _zone_of(
    layout: PageLayout, item: Component, settings: FigureSettings
) -> tuple[Box, Block | None]:
    """The box of a figure with its labels, and the title of a chart that has one.

    The text around a photograph is not its label.
    """
    if _is_photograph(item, settings):
        return item.box, None
    if any(mostly_inside(chart, item.box) for chart in layout.charts):
        return chart_zone(layout, item.box, settings)
    return box_with_labels(layout, item.box, settings.free_label_reach, settings), None


def _with_panels_joined(layout: PageLayout, boxes: Sequence[Box]) -> list[Box]:
    """The boxes, those of the panels of one figure each as the box around all of them."""
    panels = _panels(layout, boxes)
    if not panels:
        return list(boxes)
    figure = union(*(boxes[index] for index in panels))
    return [figure if index in panels else box for index, box in enumerate(boxes)]


def _panels(layout: PageLayout, boxes: Sequence[Box]) -> list[int]:
    """The indices of boxes that hold "(a) ...", "(b) ...": the panels of one figure."""
    captions = [line.box for line in layout.labels if is_panel_caption(line.text)]
    panels = [
        index
        for index, box in enumerate(boxes)
        if any(mostly_inside(caption, box) for caption in captions)
    ]
    if len(panels) < 2:
        return []
    around_all = union(*(boxes[index] for index in panels))
    apart = any(mostly_inside(block.box, around_all) for block in layout.body)
    return [] if apart else panels


def _overlapping(
    boxes: Sequence[Box], figures: Sequence[Component], settings: FigureSettings
) -> list[list[int]]:
    """The indices of boxes that overlap, together; photographs may lie over an edge of another."""
    photographs = [_is_photograph(item, settings) for item in figures]

    def are_one(one: int, other: int) -> bool:
        both = photographs[one] and photographs[other]
        share = settings.same_photograph_share if both else settings.same_figure_share
        smaller = min(area(boxes[one]), area(boxes[other]))
        return area(overlap(boxes[one], boxes[other])) > share * smaller

    return connected_groups(range(len(boxes)), are_one)


def _with_frame(
    layout: PageLayout, box: Box, taken: Sequence[Box], settings: FigureSettings
) -> Box:
    """A figure with the frame around it, if there is nothing else in the frame."""
    others = [*(item.box for item in layout.drawings), *(b.box for b in layout.body), *taken]
    for frame in layout.panels:
        inside = part_inside(box, frame) > settings.inside_share
        fills = inside and area(box) > settings.min_frame_fill * area(frame)
        if fills and not any(_is_beside(other, box, frame) for other in others):
            return union(box, frame)
    return box


def _is_beside(other: Box, box: Box, frame: Box) -> bool:
    """Whether something stands in a frame beside a figure's box."""
    return part_inside(other, frame) > 0.5 > part_inside(other, box)
