"""Images of parts of a page, as a reader sees them: masks, colours, rotation and clips included."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from mmrerank.loaders.boxes import Box, area, height, overlap, width
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.optional import require

__all__ = ["PagePreview", "ShownPage", "rendered"]


class ShownPage:
    """A PyMuPDF page that may be drawn several times, in parts: its content is read only once."""

    def __init__(self, page: Any) -> None:
        self._page = page

    @cached_property
    def _content(self) -> Any:
        return self._page.get_displaylist()

    def get_pixmap(self, **options: Any) -> Any:
        """As `get_pixmap` of the page, with `matrix`, `clip` and `colorspace`."""
        return self._content.get_pixmap(**options)


def rendered(
    page: ShownPage, box: Box, dpi: int, settings: FigureSettings = DEFAULT_SETTINGS
) -> bytes:
    """The PNG file of what a page shows in the box.

    It has `dpi` pixels an inch, or more or fewer to keep to the limits of its size.
    """
    pymupdf = require("pymupdf")
    across, down = max(width(box), 1.0), max(height(box), 1.0)
    scale = max(dpi / 72.0, settings.min_crop_side / min(across, down))
    scale = min(
        scale,
        math.sqrt(settings.max_crop_pixels / (across * down)),
        settings.max_crop_side / max(across, down),
    )
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=pymupdf.Rect(box))
    return bytes(pixels.tobytes("png"))


class PagePreview:
    """A page drawn coarsely, to see where it is not white paper.

    An image's box is larger than its visible part where the page clips it, or where it is white.
    """

    def __init__(self, page: ShownPage, settings: FigureSettings) -> None:
        pymupdf = require("pymupdf")
        np = require("numpy", extra="pdf", purpose="finding figures")
        matrix = pymupdf.Matrix(settings.preview_scale, settings.preview_scale)
        pixels = page.get_pixmap(matrix=matrix, colorspace=pymupdf.csGRAY)
        rows = np.frombuffer(pixels.samples, dtype=np.uint8).reshape(pixels.height, pixels.stride)
        self._settings = settings
        self._tones = rows[:, : pixels.width]
        self._inked = self._tones < settings.preview_white

    @property
    def is_plain(self) -> bool:
        """Whether most of the page has one tone, as plain paper and tinted backgrounds have."""
        np = require("numpy", extra="pdf", purpose="finding figures")
        tones = self._tones.astype(int)
        of_one_tone = abs(tones - np.median(tones)) < self._settings.preview_tone
        return bool(np.mean(of_one_tone) > self._settings.plain_page_share)

    def visible(self, box: Box, text: Iterable[Box] = ()) -> Box:
        """The part of a box that is not white, without `text`; the whole box if all is white."""
        np = require("numpy", extra="pdf", purpose="finding figures")
        scale = self._settings.preview_scale
        x0, y0, x1, y1 = self._in_pixels(box)
        part = self._inked[y0:y1, x0:x1].copy()
        for line in text:
            x2, y2, x3, y3 = self._in_pixels(line)
            part[max(y2 - y0, 0) : max(y3 - y0, 0), max(x2 - x0, 0) : max(x3 - x0, 0)] = False
        ys, xs = np.nonzero(part)
        if not len(xs):
            return box
        left, right = float(x0 + xs.min() - 1), float(x0 + xs.max() + 2)  # edges are pale
        top, bottom = float(y0 + ys.min() - 1), float(y0 + ys.max() + 2)
        seen = overlap((left / scale, top / scale, right / scale, bottom / scale), box)
        return seen if seen and area(seen) > 0.0 else box

    def _in_pixels(self, box: Box) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = (value * self._settings.preview_scale for value in box)
        return max(math.floor(x0), 0), max(math.floor(y0), 0), math.ceil(x1), math.ceil(y1)
