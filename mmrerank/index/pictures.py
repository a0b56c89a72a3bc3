"""Whether two images show the same picture, saved in another size or another quality.

A hash of 64 bits finds pairs that may be the same, but cannot distinguish charts with the same
layout: among 751 figures in 65 datasheets, papers and slides, tables and charts with different
numbers were 0 to 5 bits apart, no further than a picture is from its own copy at half the size. So
such pairs are also compared by their words, and by small pictures of 64 by 64 grey pixels: a bar
that is three percent higher changes one of them by 106 of 255 or more, a copy by 21 or less in nine
of ten cases.
"""

from __future__ import annotations

import re
import struct
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
_VISIBLE = 40  # greys between an edge and what is on it
_LEAST_CONTRAST = 4.0  # standard deviation of greys; a white page has 0, the palest figure 7
_SHARED_WORDS = 0.8

_HEAD = struct.Struct(">Qf")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of an image to compare it.

    `whole` and `inner`, which is without margins, are a difference hash of 64 bits, the width by
    the height, and the compressed greys of the small picture. Both are empty for an image that
    shows nothing or cannot be decoded: it equals no other. `words` are those in the image.
    """

    whole: bytes = b""
    inner: bytes = b""
    words: str = ""


def describe(image: Image, words: str) -> Picture:
    """The facts of an image. Raises `ImageError` for one that cannot be decoded."""
    picture = open_image(image, _DECODED).convert("L")
    whole, inner = (_facts(view) for view in (picture, _without_margins(picture)))
    return Picture(whole, inner, words) if whole and inner else Picture()


def _facts(picture: PILImage) -> bytes:
    from PIL import ImageStat

    small = _resized(picture, _SIDE, _SIDE)
    if ImageStat.Stat(small).stddev[0] < _LEAST_CONTRAST:
        return b""
    head = _HEAD.pack(_fingerprint(picture), picture.width / picture.height)
    return head + zlib.compress(small.tobytes())


def _without_margins(picture: PILImage) -> PILImage:
    """Copies are cut out of their pages with more or less around them."""
    edge = picture.getpixel((0, 0))
    assert isinstance(edge, (int, float))  # one grey
    table = [255 * (abs(grey - edge) > _VISIBLE) for grey in range(256)]
    box = picture.point(table).getbbox()
    return picture if box is None else picture.crop(box)


def _resized(picture: PILImage, width: int, height: int) -> PILImage:
    return picture.resize((width, height), resample=2)  # bilinear, which Pillow widens to shrink


def _fingerprint(picture: PILImage) -> int:
    """Of 9 by 8 pixels, whether each is darker than its right neighbour."""
    greys = _resized(picture, 9, 8).tobytes()
    pairs = (greys[9 * y + x : 9 * y + x + 2] for y in range(8) for x in range(8))
    return int("".join("1" if left < right else "0" for left, right in pairs), 2)


def same_picture(one: Picture, other: Picture) -> bool:
    """Do both show the same? In doubt, no: seeing a picture twice is better than missing one."""
    pairs = ((one.whole, other.whole), (one.inner, other.inner))
    return any(_same_view(*pair) for pair in pairs) and _same_words(one.words, other.words)


def _same_view(one: bytes, other: bytes) -> bool:
    if not one or not other:
        return False
    (first, shape), (second, other_shape) = _HEAD.unpack_from(one), _HEAD.unpack_from(other)
    return (
        (first ^ second).bit_count() <= _MOST_BITS
        and max(shape, other_shape) <= _MOST_STRETCH * min(shape, other_shape)
        and _most_difference(one[_HEAD.size :], other[_HEAD.size :]) <= _MOST_GREY
    )


def _same_words(one: str, other: str) -> bool:
    """The same numbers, and most of the other words: OCR reads a small copy a little differently."""
    first, second = (Counter(_WORD.findall(words.casefold())) for words in (one, other))
    if _with_digits(first) != _with_digits(second):
        return False
    return (first & second).total() >= _SHARED_WORDS * (first | second).total()


def _with_digits(words: Counter[str]) -> dict[str, int]:
    return {word: n for word, n in words.items() if any(c.isdecimal() for c in word)}


def _most_difference(one: bytes, other: bytes) -> int:
    pairs = zip(zlib.decompress(one), zlib.decompress(other), strict=True)
    return max(abs(first - second) for first, second in pairs)
