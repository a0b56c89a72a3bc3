"""Images of parts of a page, as a reader sees them: masks, colours, rotation and clips included."""

from __future__ import annotations

import math
from typing import Any

from mmrerank.loaders.base import need
from mmrerank.loaders.boxes import Box

__all__ = ["rendered"]

_MOST_PIXELS = 1_200_000  # what rerankers look at
_MOST_SIDE = 4000  # pixels
_LEAST_SIDE = 32  # pixels: vision models refuse or blur less


def rendered(page: Any, box: Box, dpi: int) -> bytes:
    """The PNG file of what the page shows in the box, within the limits of size."""
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
    scale = max(dpi / 72.0, _LEAST_SIDE / min(width, height))
    scale = min(scale, math.sqrt(_MOST_PIXELS / (width * height)), _MOST_SIDE / max(width, height))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=pymupdf.Rect(box))
    return bytes(pixels.tobytes("png"))
