"""Signatures, stamps and notes by hand on a scan, which are no figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box, area, height, mostly_inside, overlap, width
from mmrerank.loaders.pdf.figures.paths import PageDrawing
from mmrerank.loaders.pdf.figures.tracing import find_ink, find_solids
from mmrerank.loaders.pdf.figures.tracing_settings import TracingSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["is_handwriting"]


def is_handwriting(
    box: Box, pixels: NDArray[np.uint8], drawing: PageDrawing, settings: TracingSettings
) -> bool:
    """Whether what is drawn in a box is but some curved strokes of a pen, or a stamp.

    `pixels` is the picture, `drawing` what was traced in it. Charts and diagrams have axes, frames
    or filled areas; a signature may stand on a line, and a stamp may be a ring.
    """
    page = float(pixels.shape[0] * pixels.shape[1])
    if area(box) > settings.max_handwriting_share * page:
        return False
    if any(overlap(image, box) for image in drawing.images):
        return False
    inside = [path for path in drawing.paths if mostly_inside(path.box, box)]
    if len(inside) > settings.max_handwriting_strokes:
        return False
    long = settings.min_axis_share
    lines = [
        path
        for path in inside
        if path.straight
        and (width(path.box) > long * width(box) or height(path.box) > long * height(box))
    ]
    return len(lines) <= 1 and not _is_painted(box, pixels, settings)


def _is_painted(box: Box, pixels: NDArray[np.uint8], settings: TracingSettings) -> bool:
    """Whether there is more in a box than thin strokes."""
    x0, y0, x1, y1 = (max(round(edge), 0) for edge in box)
    ink = find_ink(pixels[y0:y1, x0:x1], [], settings)
    solid = find_solids(ink, settings)
    return bool(solid.sum() > settings.max_painted_share * ink.sum())
