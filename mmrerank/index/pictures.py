"""Whether two images show the same picture, saved in another size or another quality.

A hash of 64 bits finds pairs that may be the same; it cannot tell charts of one layout apart. Of
751 figures in 65 datasheets, papers and slides, tables and charts with other numbers were 0 to 5
bits apart, as far as a picture is from its own copy at half the size. So such pairs are compared
by small pictures of 64 by 64 grey pixels, whose largest difference tells a bar that is three
percent higher (106 of 255 or more) from a copy (21 or less in nine of ten), and by their words.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.images.decode import open_image
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["Picture", "describe", "same_picture"]

_SIDE = 64  # pixels of the small picture
_DECODED = 250_000  # pixels, at most, of which it is made
_MOST_BITS = 8  # apart: nine of ten copies at a third of the size
_MOST_GREY = 24  # of 255
_MOST_STRETCH = 1.05  # how much more slender one may be: small copies have rounded sides
_LEAST_CONTRAST = 4.0  # standard deviation of greys; a white page has 0, the palest figure 7
_SHARED_WORDS = 0.8

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of an image to compare it.

    `fingerprint` is a difference hash of 64 bits, as 16 hex digits; empty for an image that shows
    nothing, or cannot be decoded, which is like no other. `shape` is width by height, `small` the
    small picture's greys, compressed, and `words` those in the image.
    """

    fingerprint: str
    shape: float = 1.0
    small: bytes = b""
    words: str = ""


def describe(image: Image, words: str) -> Picture:
    """The facts of an image. Raises `ImageError` for one that cannot be decoded."""
    from PIL import ImageStat

    picture = open_image(image, _DECODED).convert("L")
    small = _resized(picture, _SIDE, _SIDE)
    if ImageStat.Stat(small).stddev[0] < _LEAST_CONTRAST:
        return Picture("")
    greys = zlib.compress(small.tobytes())
    return Picture(_fingerprint(picture), picture.width / picture.height, greys, words)


def _resized(picture: PILImage, width: int, height: int) -> PILImage:
    return picture.resize((width, height), resample=2)  # bilinear, which Pillow widens to shrink


def _fingerprint(picture: PILImage) -> str:
    """Of 9 by 8 pixels, whether each is darker than its right neighbour."""
    greys = _resized(picture, 9, 8).tobytes()
    pairs = (greys[9 * y + x : 9 * y + x + 2] for y in range(8) for x in range(8))
    bits = "".join("1" if left < right else "0" for left, right in pairs)
    return f"{int(bits, 2):016x}"


def same_picture(one: Picture, other: Picture) -> bool:
    """Do both show the same? In doubt, no: a reader sees a picture twice, and misses none."""
    return (
        bool(one.fingerprint and other.fingerprint)
        and (int(one.fingerprint, 16) ^ int(other.fingerprint, 16)).bit_count() <= _MOST_BITS
        and max(one.shape, other.shape) <= _MOST_STRETCH * min(one.shape, other.shape)
        and _same_words(one.words, other.words)
        and _most_difference(one.small, other.small) <= _MOST_GREY
    )


def _same_words(one: str, other: str) -> bool:
    """The same numbers, and most of the other words: OCR reads a small copy a little otherwise."""
    first, second = (Counter(_WORD.findall(words.casefold())) for words in (one, other))
    if _with_digits(first) != _with_digits(second):
        return False
    return (first & second).total() >= _SHARED_WORDS * (first | second).total()


def _with_digits(words: Counter[str]) -> dict[str, int]:
    return {word: n for word, n in words.items() if any(c.isdecimal() for c in word)}


def _most_difference(one: bytes, other: bytes) -> int:
    pairs = zip(zlib.decompress(one), zlib.decompress(other), strict=True)
    return max(abs(first - second) for first, second in pairs)
