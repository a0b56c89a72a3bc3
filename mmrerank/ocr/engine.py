"""The lines of text in a picture, by OCR, in whichever of four ways the picture is turned."""

from __future__ import annotations

import importlib.util
import math
import threading
from dataclasses import dataclass
from typing import Any

from mmrerank.errors import ImageError, MissingDependencyError
from mmrerank.images.decode import decode_image
from mmrerank.ocr.rapid import Turned, engine
from mmrerank.optional import require

__all__ = ["ReadLine", "has_ocr", "read_lines"]

OCR_PIXELS = 1_600_000  # a page at about 130 dpi; more takes time and finds no more words

LEAST_SIDE = 8  # pixels; smaller letters are not read

LEAST_CONTRAST = 10  # of 255: the engine finds no words that differ by less, in each colour

_GOOD_SIDE = 736  # pixels: below it, larger is read better

_ENLARGED_PIXELS = 1_200_000
"""No picture is made larger than this: a banner of 1136 x 167 pixels would become one of 3.7
million, and take three seconds instead of half of one."""

_ENLARGED_SIDE = 2000  # the engine makes longer pictures smaller again

_MOST_TIMES = 4  # icons: of 736 pixels, they take as long as a page and show no more

_lock = threading.Lock()  # the engine keeps facts of the picture that it is reading


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text in a picture that is the right way up.

    `box` is (x0, y0, x1, y1) as fractions of the picture's width and height, from its top left.
    `angle` is by how many degrees the picture was turned for it, counter-clockwise.
    """

    box: tuple[float, float, float, float]
    text: str
    angle: int = 0


def has_ocr() -> bool:
    """Is the OCR engine (the extra `ocr`) installed?"""
    return importlib.util.find_spec("rapidocr") is not None


def read_lines(data: bytes, name: str) -> list[ReadLine]:
    """The lines in an image file with the bytes `data`; `name` is for messages.

    A picture that lies on its side or upside down is turned to where it reads best. Raises
    `ImageError` for what cannot be read, `MissingDependencyError` if the extra `ocr` is missing.
    """
    picture = decode_image(data, name, OCR_PIXELS)
    if min(picture.size) < LEAST_SIDE or _is_flat(picture):
        return []  # a rule or an area of one colour; the engine fails on some of them
    try:
        with _lock:
            return _read(_enlarged(picture))
    except MissingDependencyError:
        raise
    except ImportError as error:  # the engine is installed without something that it needs
        missing = error.name or "onnxruntime"
        raise MissingDependencyError(missing, "ocr", "reading the words in images") from error
    except Exception as error:  # the engine's errors have no common class
        raise ImageError(name, f"its words cannot be read: {error}") from error


def _is_flat(picture: Any) -> bool:
    """Is a picture in RGB of one colour, or nearly so?"""
    return all(high - low < LEAST_CONTRAST for low, high in picture.getextrema())


def _enlarged(picture: Any) -> Any:
    """A small picture in the size in which words are found best; others as they are."""
    width, height = picture.size
    times = min(
        _GOOD_SIDE / min(width, height),
        math.sqrt(_ENLARGED_PIXELS / (width * height)),
        _ENLARGED_SIDE / max(width, height),
        _MOST_TIMES,
    )
    if times <= 1:
        return picture
    return picture.resize((round(width * times), round(height * times)))


def _read(picture: Any) -> list[ReadLine]:
    """The lines in the picture, once it is turned the right way up."""
    angle = 0
    try:
        output = _output(picture, may_turn=True)
    except Turned as turned:
        angle = turned.angle
        picture = picture.rotate(angle, expand=True)
        output = _output(picture, may_turn=False)
    np = require("numpy")
    texts = output.txts or ()
    points = np.asarray(output.boxes if texts else np.zeros((0, 4, 2)), dtype=float)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    boxes /= np.array(picture.size * 2)
    return [
        ReadLine(tuple(box), text, angle) for box, text in zip(boxes.tolist(), texts, strict=True)
    ]


def _output(picture: Any, *, may_turn: bool) -> Any:
    pixels = require("numpy").asarray(picture)[:, :, ::-1]  # the engine wants BGR
    return engine(may_turn=may_turn)(pixels)
