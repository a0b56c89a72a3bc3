"""Images of parts of a page, as a reader sees them: masks, colours, rotation and clips included."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap
from mmrerank.optional import require

__all__ = ["Glance", "rendered"]

_MOST_PIXELS = 1_200_000  # what rerankers look at

_MOST_SIDE = 4000  # pixels

_GLANCE = 0.5  # pixels a point

_WHITE, _ONE_TONE = 250, 12  # of 255

_MOST_OF_PAGE = 0.85

_LEAST_SIDE = 32  # pixels: vision models refuse or blur less


def rendered(page: Any, box: Box, dpi: int) -> bytes:
    """The PNG file of what the page shows in the box, within the limits of size."""
    pymupdf = require("pymupdf")
    width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
    scale = max(dpi / 72.0, _LEAST_SIDE / min(width, height))
    scale = min(scale, math.sqrt(_MOST_PIXELS / (width * height)), _MOST_SIDE / max(width, height))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=pymupdf.Rect(box))
    return bytes(pixels.tobytes("png"))


class Glance:
    """A page drawn coarsely, to see where it is not white paper.

    An image's box is larger than what shows of it where the page clips it, or where it is white.
    """

    def __init__(self, page: Any) -> None:
        pymupdf = require("pymupdf")
        np = require("numpy", extra="pdf", purpose="finding figures")
        matrix = pymupdf.Matrix(_GLANCE, _GLANCE)
        pixels = page.get_pixmap(matrix=matrix, colorspace=pymupdf.csGRAY)
        rows = np.frombuffer(pixels.samples, dtype=np.uint8).reshape(pixels.height, pixels.stride)
        self._tones = rows[:, : pixels.width]
        self._inked = self._tones < _WHITE

    @property
    def is_plain(self) -> bool:
        """Whether most of the page has one tone, as paper has and a tinted background."""
        np = require("numpy", extra="pdf", purpose="finding figures")
        tones = self._tones.astype(int)
        return bool(np.mean(abs(tones - np.median(tones)) < _ONE_TONE) > _MOST_OF_PAGE)

    def visible(self, box: Box, text: Iterable[Box] = ()) -> Box:
        """What of a box is not white, `text` left aside; the box itself where nothing is seen."""
        np = require("numpy", extra="pdf", purpose="finding figures")
        x0, y0, x1, y1 = _in_pixels(box)
        part = self._inked[y0:y1, x0:x1].copy()
        for line in text:
            x2, y2, x3, y3 = _in_pixels(line)
            part[max(y2 - y0, 0) : max(y3 - y0, 0), max(x2 - x0, 0) : max(x3 - x0, 0)] = False
        ys, xs = np.nonzero(part)
        if not len(xs):
            return box
        left, right = float(x0 + xs.min() - 1), float(x0 + xs.max() + 2)  # edges are pale
        top, bottom = float(y0 + ys.min() - 1), float(y0 + ys.max() + 2)
        seen = overlap((left / _GLANCE, top / _GLANCE, right / _GLANCE, bottom / _GLANCE), box)
        return seen if seen and area(seen) > 0.0 else box


def _in_pixels(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (value * _GLANCE for value in box)
    return max(math.floor(x0), 0), max(math.floor(y0), 0), math.ceil(x1), math.ceil(y1)
