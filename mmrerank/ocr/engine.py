"""The lines of text in a picture, by OCR, whichever way the picture is turned."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmrerank.errors import ImageError, MissingDependencyError
from mmrerank.images.decode import decode_image
from mmrerank.optional import require

__all__ = ["ReadLine", "has_ocr", "read_lines"]

OCR_PIXELS = 1_600_000  # a page at about 130 dpi; more costs time and finds no more words

LEAST_SIDE = 8  # pixels; smaller letters are not read

_TALL = 1.5  # times as high as wide: a line that is set sideways

_UNSURE = 0.75  # mean certainty of lines that are upside down is below, of others above

_SURER, _NO_WORSE = 0.1, 0.02  # upside down must read better by this; a side may read worse

_FEW_LINES = 3


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text in a picture that is the right way up.

    `box` is (x0, y0, x1, y1) in parts of the picture's width and height, from its top left.
    """

    box: tuple[float, float, float, float]
    text: str


def has_ocr() -> bool:
    """Is the OCR engine (the extra `ocr`) installed?"""
    return importlib.util.find_spec("rapidocr") is not None


def read_lines(data: bytes, name: str) -> list[ReadLine]:
    """The lines in an image file; `name` is for errors. Raises `ImageError`.

    A picture that lies on its side or upside down is turned as it reads best.
    """
    picture = decode_image(data, name, OCR_PIXELS)
    if min(picture.size) < LEAST_SIDE:
        return []  # a rule, not a picture; the engine fails on it
    try:
        found = _Reading(picture)
        angles, margin = found.other_ways_up
        turned = [_Reading(picture.rotate(angle, expand=True)) for angle in angles]
        best = max(turned, key=lambda reading: reading.certainty, default=found)
        if best.certainty > found.certainty + margin:
            found = best
    except MissingDependencyError:
        raise
    except Exception as error:  # what the engine raises for a picture has no common kind
        raise ImageError(name, f"its words cannot be read: {error}") from error
    return found.lines


class _Reading:
    """What the engine reads in a picture as it is turned, and how certain it is (0 to 1)."""

    def __init__(self, picture: Any) -> None:
        import numpy as np  # a dependency of the OCR engine

        found = _engine()(np.asarray(picture)[:, :, ::-1])  # the engine wants BGR
        texts = found.txts or ()
        boxes = np.asarray(found.boxes if texts else np.zeros((0, 4, 2)), dtype=float)
        self._boxes = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)
        self.certainty = float(np.mean(found.scores)) if texts else 0.0
        scale = np.array(picture.size * 2)
        self.lines = [
            ReadLine(tuple(box), text)
            for box, text in zip((self._boxes / scale).tolist(), texts, strict=True)
        ]

    @property
    def other_ways_up(self) -> tuple[tuple[int, ...], float]:
        """Degrees to try where it looks turned, and how much surer it must then be."""
        words = [box for box, line in zip(self._boxes, self.lines, strict=True) if line.text[2:]]
        if len(words) < _FEW_LINES:
            return (), 0.0
        tall = sum(y1 - y0 > _TALL * (x1 - x0) for x0, y0, x1, y1 in words)
        if tall > len(words) / 2:
            # The engine turns lines that lie on one of their sides, but reads them in wrong order.
            return (90, 270), -_NO_WORSE
        return ((180,), _SURER) if self.certainty < _UNSURE else ((), 0.0)


@functools.cache
def _engine() -> Callable[[Any], Any]:
    rapidocr = require("rapidocr")
    # The orientation classifier doubles the memory and finds next to nothing on figures.
    return rapidocr.RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})  # type: ignore[no-any-return]
