"""The drawings without a caption that look like figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    covered_area,
    height,
    mostly_inside,
    overlap,
    part_inside,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.chart_zones import chart_zone
from mmrerank.loaders.pdf.figures.components import Component, around, is_big, kind_of, merged
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
    figures = _with_rows_joined(
        layout, [*figures, *_figures_of_panels(layout, taken, settings)], settings
    )
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
    if not is_big(item.box, settings) or _is_letterhead(layout, item.box, settings):
        return False
    if item.images or item.shapes > settings.max_table_curves * item.straight:
        return True
    if len(item.colours) >= settings.min_heat_colours:
        return True
    return item.straight > settings.max_frame_paths and not _is_grid(layout, item, settings)


def _is_grid(layout: PageLayout, item: Component, settings: FigureSettings) -> bool:
    """Whether straight lines are those of a table or a bar: with much text, or with common ends."""
    shorter, longer = sorted((width(item.box), height(item.box)))
    if longer > settings.band_ratio * shorter:
        return True
    lines = [line.box for line in layout.labels if mostly_inside(line.box, item.box)]
    if len(lines) > settings.max_cell_lines * item.path_count:
        return True
    texts = (line.box for line in layout.labels)
    wordy = covered_area(item.box, texts) >= settings.table_text_share * area(item.box)
    few_ends = item.ends < settings.min_free_ends * item.straight
    return wordy or (few_ends and not item.shapes)


def _is_letterhead(layout: PageLayout, box: Box, settings: FigureSettings) -> bool:
    """Whether a drawing stands wholly in the margin of a page, as the logos of publishers do."""
    margin = settings.letterhead_share * layout.whole[3]
    return box[3] < margin or box[1] > layout.whole[3] - margin


def _figures_of_panels(
    layout: PageLayout, taken: Sequence[Box], settings: FigureSettings
) -> Iterator[Component]:
    """The small drawings in each frame that together are a figure: bars far from each other."""
    texts = [block.box for block in layout.body]
    for panel in layout.panels:
        parts = [item for item in layout.drawings if mostly_inside(item.box, panel)]
        free = not any(overlap(box, panel) for box in (*taken, *layout.text_boxes))
        wordy = covered_area(panel, texts) > settings.table_text_share * area(panel)
        if free and not wordy and _are_figure(layout, parts, panel, settings):
            yield merged(parts)


def _are_figure(
    layout: PageLayout, parts: Sequence[Component], panel: Box, settings: FigureSettings
) -> bool:
    """Whether drawings in a frame fill it as one figure, though none of them is one."""
    if sum(item.path_count for item in parts) <= settings.max_frame_paths:
        return False
    if any(item.images or _is_figure(layout, item, settings) for item in parts):
        return False
    if any(is_big(item.box, settings) and _is_grid(layout, item, settings) for item in parts):
        return False
    return area(around(parts)) > settings.min_frame_fill * area(panel)


def _with_rows_joined(
    layout: PageLayout, figures: Sequence[Component], settings: FigureSettings
) -> list[Component]:
    """The drawings, those that stand in one row and are equally high as one: small multiples."""

    def are_one(one: Component, other: Component) -> bool:
        return _are_in_row(layout, one, other, settings)

    return [merged(group) for group in connected_groups(figures, are_one)]


def _are_in_row(
    layout: PageLayout, one: Component, other: Component, settings: FigureSettings
) -> bool:
    near, gap = settings.row_edge, -shared_width(one.box, other.box)
    if one.images or other.images or not 0.0 <= gap < settings.max_multiples_gap:
        return False
    level = all(abs(one.box[edge] - other.box[edge]) < near for edge in (1, 3))
    alike = abs(width(one.box) - width(other.box)) < settings.row_width_share * width(one.box)
    both = union(one.box, other.box)
    framed = any(mostly_inside(one.box, p) != mostly_inside(other.box, p) for p in layout.panels)
    return level and alike and not framed and not any(overlap(b.box, both) for b in layout.body)


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
