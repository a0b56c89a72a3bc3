"""Images as they are sent and shown: small enough, as PNG, JPEG or WebP."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.errors import ImageError
from mmrerank.images.check import check_bytes
from mmrerank.images.clean import without_metadata
from mmrerank.images.decode import decode_image, open_header, open_image, orientation, read_bytes
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["EncodedImage", "encode_image", "encode_within", "thumbnail"]

_JPEG_QUALITY = 85  # 12-pixel text still reads by OCR; see benchmarks/results/services.md

_LOWER_QUALITIES = (80, 65, 50)

_THUMBNAIL_QUALITY = 80

_FEWEST_PIXELS = 32 * 32  # fewer show nothing

_LONGEST_SHAPE = 16  # times as wide as high: decoded at no less than the thumbnail's size

_SENDABLE = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG file with more pictures behind its end, which are left out
    "WEBP": "image/webp",
}


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The bytes of a PNG, JPEG or WebP file, ready to send."""

    data: bytes
    media_type: str


def encode_image(image: Image, max_pixels: int) -> EncodedImage:
    """The image as a service takes it: at most `max_pixels`, PNG, JPEG or WebP.

    A file that already fits is passed on without its metadata (place, thumbnail, comments) and
    without what follows its end, its pixels as they are. What is shrunk becomes a JPEG, or a PNG
    where the source is lossless and the PNG is smaller (diagrams, screenshots). Raises
    `ImageError` for an image that cannot be read or encoded.
    """
    data = read_bytes(image)
    picture = open_header(data, image.name)
    is_upright = orientation(picture, data, image.name) == 1
    if is_upright and _is_sendable(picture, max_pixels):
        check_bytes(data, image.name, decode=False)
        if cleaned := without_metadata(data):
            return EncodedImage(cleaned, _SENDABLE[str(picture.format)])
    shrunk = decode_image(data, image.name, max_pixels)
    jpeg = _save(shrunk, "JPEG", image.name, quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    if picture.format in ("JPEG", "MPO", "WEBP"):
        return EncodedImage(jpeg, "image/jpeg")
    return _smaller(_save(shrunk, "PNG", image.name, optimize=True), jpeg)


def encode_within(image: Image, max_pixels: int, max_bytes: int) -> EncodedImage:
    """As `encode_image`, in at most `max_bytes`: first a lower quality, then fewer pixels.

    The same image and limits always give the same bytes. Raises `ImageError` for an image that
    cannot be read, or that does not fit even when it is small.
    """
    encoded = encode_image(image, max_pixels)
    pixels = max_pixels
    while len(encoded.data) > max_bytes:
        shrunk = open_image(image, pixels)
        for quality in _LOWER_QUALITIES:
            data = _save(shrunk, "JPEG", image.name, quality=quality, optimize=True)
            encoded = EncodedImage(data, "image/jpeg")
            if len(data) <= max_bytes:
                return encoded
        pixels = shrunk.width * shrunk.height // 2
        if pixels < _FEWEST_PIXELS:
            raise ImageError(image.name, f"does not fit {max_bytes} bytes")
    return encoded


def thumbnail(image: Image, side: int = 256) -> EncodedImage:
    """A small copy for display, at most `side` pixels wide and high; never enlarged.

    Raises `ImageError` for an image that cannot be read.
    """
    small = open_image(image, side * side * _LONGEST_SHAPE)
    small.thumbnail((side, side), reducing_gap=3.0)
    jpeg = _save(small, "JPEG", image.name, quality=_THUMBNAIL_QUALITY, optimize=True)
    return _smaller(_save(small, "PNG", image.name, optimize=True), jpeg)


def _smaller(png: bytes, jpeg: bytes) -> EncodedImage:
    """The smaller of two encodings; the PNG where both are the same size."""
    if len(png) <= len(jpeg):
        return EncodedImage(png, "image/png")
    return EncodedImage(jpeg, "image/jpeg")


def _is_sendable(picture: PILImage, max_pixels: int) -> bool:
    """Would every service show these bytes as a reader sees them?"""
    return (
        picture.format in _SENDABLE
        and picture.mode in ("RGB", "L", "P")  # not CMYK, 16 bit or with an alpha channel
        and not picture.has_transparency_data
        and picture.width * picture.height <= max_pixels
        and (picture.format == "MPO" or not getattr(picture, "is_animated", False))
    )


def _save(picture: PILImage, format: str, name: str, **options: object) -> bytes:
    """The picture as a file. Raises `ImageError` with `name` for one that cannot be encoded."""
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format, **options)
    except Exception as error:  # OSError for a size that the format lacks, MemoryError, ...
        raise ImageError(name, f"cannot be encoded as {format}: {error}") from error
    return buffer.getvalue()
