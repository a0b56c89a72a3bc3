"""Where the figure of a caption may be: between it and the next text, as wide as its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmrerank.loaders.boxes import Box, height, shared_height, shared_width, union, width
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block

__all__ = [
    "distance_key",
    "gap_between",
    "has_heading_between",
    "is_continuation",
    "is_in_zone",
    "zone_of_caption",
]


def zone_of_caption(
    layout: PageLayout,
    caption: Block,
    taken: Sequence[Box],
    settings: FigureSettings,
    *,
    above: bool,
) -> Box:
    """Where the figure of a caption may be, above it or below it.

    From the caption to the next body text, caption or figure (`taken`), as wide as its columns.
    """
    box = caption.box
    x0, x1 = _zone_width(layout, caption, settings)
    obstacles = _obstacles(layout, caption, taken, settings)
    if above:
        ends = [end[3] for end in obstacles if end[1] < box[1] and end[3] < box[3]]
        return (x0, min(max(ends, default=0.0), box[1]), x1, box[1])
    ends = [end[1] for end in obstacles if end[3] > box[3] and end[1] > box[1]]
    return (x0, box[3], x1, max(min(ends, default=layout.whole[3]), box[3]))


def _obstacles(
    layout: PageLayout, caption: Block, taken: Iterable[Box], settings: FigureSettings
) -> list[Box]:
    """What stands above or below a caption and is not its figure."""
    others = (other.box for other in layout.captions if other is not caption)
    body = (block.box for block in layout.body if not is_continuation(block, caption, settings))
    obstacles = [*body, *layout.text_boxes, *taken, *others]
    least = settings.obstacle_width
    return [obstacle for obstacle in obstacles if shared_width(obstacle, caption.box) > least]


def is_continuation(block: Block, caption: Block, settings: FigureSettings) -> bool:
    """Whether a block is the next lines of a caption, which an exponent or a mark cut off.

    Body text below a caption stands farther away than one of its lines from the next.
    """
    box, above, margin = block.box, caption.box, settings.column_tolerance
    gap = box[1] - above[3]
    if box[1] <= above[1] or gap > settings.line_slack_share * settings.max_line_slack:
        return False
    within = above[0] - margin < box[0] and box[2] < above[2] + margin
    short = len(block.lines) <= settings.max_sentence_lines and box[3] > above[3]
    return within and short and block.is_of_size(caption.size)


def _zone_width(
    layout: PageLayout, caption: Block, settings: FigureSettings
) -> tuple[float, float]:
    """The left and right edge of a caption's columns, without the half of captions beside it."""
    box, margin = caption.box, settings.column_tolerance
    columns = [c for c in layout.columns if c[1] > box[0] + margin and c[0] < box[2] - margin]
    x0 = min([box[0], *(column[0] for column in columns)])
    x1 = max([box[2], *(column[1] for column in columns)])
    for other in (other.box for other in layout.captions):
        if shared_height(other, box) > 0.0:
            if other[0] > box[2]:
                x1 = min(x1, (other[0] + box[2]) / 2)
            elif other[2] < box[0]:
                x0 = max(x0, (other[2] + box[0]) / 2)
    return x0, x1


def is_in_zone(box: Box, zone: Box, caption: Block, settings: FigureSettings) -> bool:
    """Whether something lies in a caption's zone; it may stick out to the sides."""
    if shared_height(box, zone) < settings.zone_height_share * height(box):
        return False
    if zone[0] <= (box[0] + box[2]) / 2 <= zone[2]:
        return True
    over_caption = shared_width(box, caption.box)
    return over_caption > settings.zone_caption_share * width(caption.box)


def has_heading_between(
    layout: PageLayout, first: Box, second: Box, settings: FigureSettings
) -> bool:
    """Whether a heading stands between two drawings, one above the other: they are two figures.

    On pages without columns of text nothing else ends the zone of a caption.
    """
    upper, lower = sorted((first, second), key=lambda box: box[3])
    largest = settings.heading_ratio * layout.body_size
    return any(
        line.upright
        and line.size > largest
        and upper[3] <= line.box[1]
        and line.box[3] <= lower[1]
        and shared_width(line.box, union(upper, lower)) > 0.0
        for line in layout.labels
    )


def distance_key(box: Box, *, above: bool) -> float:
    """The key that sorts what stands above or below a caption, the nearest first."""
    return -box[3] if above else box[1]


def gap_between(near: Box, box: Box, *, above: bool) -> float:
    """Points of white from `near` to a box above it, or below it."""
    return near[1] - box[3] if above else box[1] - near[3]
