"""Where the figure of a caption may be: between it and the next text, as wide as its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmrerank.loaders.boxes import Box, height, shared_height, shared_width, width
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block

__all__ = ["is_in_zone", "zone_of_caption"]


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
    obstacles = [*(block.box for block in layout.body), *layout.text_boxes, *taken, *others]
    least = settings.obstacle_width
    return [obstacle for obstacle in obstacles if shared_width(obstacle, caption.box) > least]


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
