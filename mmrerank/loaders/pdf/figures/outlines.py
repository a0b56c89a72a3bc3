"""The frames in a picture: thin lines around an area, which a PDF would draw as one path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box, area, grown, overlap
from mmrerank.loaders.pdf.figures.masks import dilated
from mmrerank.loaders.pdf.figures.tracing_settings import TracingSettings
from mmrerank.optional import require

if TYPE_CHECKING:
    from mmrerank.loaders.pdf.figures.masks import Mask

__all__ = ["find_outlines", "without_outlines"]


def find_outlines(ink: Mask, whole: float, settings: TracingSettings) -> list[Box]:
    """The frames that lines form in a mask, without those that share a line, as cells of tables do.

    `whole` is the area of the page in pixels. Corners may be round, and lines may have gaps of
    some pixels.
    """
    gap = settings.max_outline_gap
    thick = dilated(ink, gap, gap)
    line = (settings.line_thickness + gap) / 2
    boxes = [
        grown(box, line, line)
        for box in _enclosed(thick, settings)
        if area(box) > settings.min_outline_share * whole
    ]
    return [box for box in boxes if not any(_share_a_line(box, other) for other in boxes)]


def without_outlines(ink: Mask, outlines: Sequence[Box], settings: TracingSettings) -> Mask:
    """A mask without the lines of these frames."""
    cleared = ink.copy()
    reach = settings.line_thickness
    for outline in outlines:
        left, top, right, bottom = (max(round(edge), 0) for edge in grown(outline, reach, reach))
        x0, y0, x1, y1 = (max(round(edge), 0) for edge in grown(outline, -reach, -reach))
        cleared[top:y0, left:right] = False
        cleared[y1:bottom, left:right] = False
        cleared[top:bottom, left:x0] = False
        cleared[top:bottom, x1:right] = False
    return cleared


def _enclosed(lines: Mask, settings: TracingSettings) -> Iterator[Box]:
    """The boxes of the areas that lines enclose on all four sides."""
    ndimage = require("scipy.ndimage")
    free, _ = ndimage.label(~lines)  # not from corner to corner: lines of skewed scans have steps
    for number, place in enumerate(ndimage.find_objects(free), start=1):
        rows, columns = place
        if min(rows.stop - rows.start, columns.stop - columns.start) < settings.min_outline_side:
            continue
        if rows.start == 0 or columns.start == 0:
            continue
        if rows.stop == lines.shape[0] or columns.stop == lines.shape[1]:
            continue
        if _reaches_sides(free[place] == number, settings):
            yield (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))


def _reaches_sides(part: Mask, settings: TracingSettings) -> bool:
    """Whether an area lies along all four sides of its box: no circle, and no cut corner."""
    near = settings.outline_reach
    sides = (
        part[:near].any(axis=0),
        part[-near:].any(axis=0),
        part[:, :near].any(axis=1),
        part[:, -near:].any(axis=1),
    )
    return all(side.mean() > settings.min_outline_side_share for side in sides)


def _share_a_line(box: Box, other: Box) -> bool:
    """Whether two frames stand side by side with one line between them."""
    shared = area(overlap(grown(box, 1.0, 1.0), grown(other, 1.0, 1.0)))
    return 0.0 < shared < 0.5 * min(area(box), area(other))
