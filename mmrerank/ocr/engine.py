"""The lines of text in a picture, by OCR, in whichever of four ways the picture is turned."""

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

OCR_PIXELS = 1_600_000  # a page at about 130 dpi; more takes time and finds no more words

LEAST_SIDE = 8  # pixels; smaller letters are not read

_TALL = 1.5  # times as high as wide: a line that runs up or down the page

_UNSURE = 0.75  # lines that are upside down have a mean certainty below this, others above

_SURER = 0.1  # turned upside down, it must read better by this

_NO_WORSE = 0.02  # turned on its side, it may read worse by this

_FEW_LINES = 3


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text in a picture that is the right way up.

    `box` is (x0, y0, x1, y1) as fractions of the picture's width and height, from its top left.
    """

    box: tuple[float, float, float, float]
    text: str


def has_ocr() -> bool:
    """Is the OCR engine (the extra `ocr`) installed?"""
    return importlib.util.find_spec("rapidocr") is not None


def read_lines(data: bytes, name: str) -> list[ReadLine]:
    """The lines in an image file with the bytes `data`; `name` is for messages.

    A picture that lies on its side or upside down is turned to where it reads best. Raises
    `ImageError` for what cannot be read, `MissingDependencyError` if the extra `ocr` is missing.
    """
    picture = decode_image(data, name, OCR_PIXELS)
    if min(picture.size) < LEAST_SIDE:
        return []  # a rule, not a picture; the engine fails on it
    try:
        return _best_reading(picture).lines
    except MissingDependencyError:
        raise
    except ImportError as error:  # the engine is installed without something that it needs
        missing = error.name or "onnxruntime"
        raise MissingDependencyError(missing, "ocr", "reading the words in images") from error
    except Exception as error:  # the engine's errors have no common class
        raise ImageError(name, f"its words cannot be read: {error}") from error


def _best_reading(picture: Any) -> _Reading:
    reading = _Reading(picture)
    angles, margin = reading.other_ways_up
    turned = [_Reading(picture.rotate(angle, expand=True)) for angle in angles]
    best = max(turned, key=lambda turned: turned.certainty, default=reading)
    return best if best.certainty > reading.certainty + margin else reading


class _Reading:
    """What the engine reads in a picture one way up, and how certain it is (0 to 1)."""

    def __init__(self, picture: Any) -> None:
        np = require("numpy")
        output = _engine()(np.asarray(picture)[:, :, ::-1])  # the engine wants BGR
        texts = output.txts or ()
        boxes = np.asarray(output.boxes if texts else np.zeros((0, 4, 2)), dtype=float)
        self._boxes = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)
        self.certainty = float(np.mean(output.scores)) if texts else 0.0
        scale = np.array(picture.size * 2)
        self.lines = [
            ReadLine(tuple(box), text)
            for box, text in zip((self._boxes / scale).tolist(), texts, strict=True)
        ]

    @property
    def other_ways_up(self) -> tuple[tuple[int, ...], float]:
        """Angles in degrees to try if it looks turned, and how much surer it must then be."""
        words = [box for box, line in zip(self._boxes, self.lines, strict=True) if line.text[2:]]
        if len(words) < _FEW_LINES:
            return (), 0.0
        tall = sum(y1 - y0 > _TALL * (x1 - x0) for x0, y0, x1, y1 in words)
        if tall > len(words) / 2:
            # The engine reads lines that run up or down the page, but in the wrong order.
            return (90, 270), -_NO_WORSE
        return ((180,), _SURER) if self.certainty < _UNSURE else ((), 0.0)


@functools.cache
def _engine() -> Callable[[Any], Any]:
    rapidocr = require("rapidocr")
    parameters = {
        # The orientation classifier doubles the memory and finds next to nothing on figures.
        "Global.use_cls": False,
        "Global.log_level": "error",
        # Lines in a batch are padded to the longest: one by one takes a quarter less time.
        "Rec.rec_batch_num": 1,
    }
    return rapidocr.RapidOCR(params=parameters)  # type: ignore[no-any-return]
