"""Images of parts of a page, as a reader sees them: masks, colours, rotation and clips included."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mmrerank.loaders.base import need
from mmrerank.loaders.boxes import Box, area

__all__ = ["rendered", "visible_parts"]

_MOST_PIXELS = 1_200_000  # what rerankers look at
_MOST_SIDE = 4000  # pixels
_GLANCE = 0.5  # pixels a point
_WHITE = 250  # of 255
_LEAST_SIDE = 32  # pixels: vision models refuse or blur less


def rendered(page: Any, box: Box, dpi: int) -> bytes:
    """The PNG file of what the page shows in the box, within the limits of size."""
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
    scale = max(dpi / 72.0, _LEAST_SIDE / min(width, height))
    scale = min(scale, math.sqrt(_MOST_PIXELS / (width * height)), _MOST_SIDE / max(width, height))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=pymupdf.Rect(box))
    return bytes(pixels.tobytes("png"))


def visible_parts(page: Any, boxes: Sequence[Box], text: Iterable[Box]) -> list[Box]:
    """What of each box is not white paper on the page, `text` left aside.

    An image's box is larger than what shows of it where the page clips it, or where it is white.
    A box of which nothing shows stays as it is: the page is drawn too coarsely to tell.
    """
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    np = need("numpy", extra="pdf", purpose="finding figures")
    matrix = pymupdf.Matrix(_GLANCE, _GLANCE)
    pixels = page.get_pixmap(matrix=matrix, colorspace=pymupdf.csGRAY)
    rows = np.frombuffer(pixels.samples, dtype=np.uint8).reshape(pixels.height, pixels.stride)
    inked = rows[:, : pixels.width] < _WHITE
    for box in text:
        x0, y0, x1, y1 = _in_pixels(box)
        inked[y0:y1, x0:x1] = False
    parts = []
    for box in boxes:
        x0, y0, x1, y1 = _in_pixels(box)
        ys, xs = np.nonzero(inked[y0:y1, x0:x1])
        if len(xs):
            edges = (x0 + xs.min(), y0 + ys.min(), x0 + xs.max() + 1, y0 + ys.max() + 1)
            part = tuple(float(edge) / _GLANCE for edge in edges)
            shown = (
                max(part[0], box[0]),
                max(part[1], box[1]),
                min(part[2], box[2]),
                min(part[3], box[3]),
            )
        parts.append(shown if len(xs) and area(shown) > 0.0 else box)
    return parts


def _in_pixels(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (value * _GLANCE for value in box)
    return max(math.floor(x0), 0), max(math.floor(y0), 0), math.ceil(x1), math.ceil(y1)
