"""Open, check, shrink and encode images. Files and bytes are untrusted input.

A file is opened once, must be a regular file of bounded size, in a format of an allow-list
(Pillow would start Ghostscript for EPS), and its pixels are counted before they are decoded.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mmrerank.errors import ImageError
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "EncodedImage",
    "check_image",
    "content_hash",
    "decode_image",
    "encode_image",
    "encode_within",
    "image_size",
    "open_image",
    "read_bytes",
    "read_file",
    "thumbnail",
]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")

MAX_BYTES = 64 * 2**20

MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MiB of RGB

_PNG_METADATA = (b"eXIf", b"Raw profile type", b"adobe.xmp")

_JPEG_QUALITY = 85  # 12-pixel text still reads by OCR; see benchmarks/results/services.md

_LOWER_QUALITIES = (80, 65, 50)

_THUMBNAIL_QUALITY = 80

_FEWEST_PIXELS = 32 * 32  # fewer show nothing

_LONGEST_SHAPE = 16  # times as wide as high: decoded at no less than the thumbnail's size

_SENDABLE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """The bytes of a PNG, JPEG or WebP file, ready to send."""

    data: bytes
    media_type: str


def read_file(path: Path, max_bytes: int = MAX_BYTES, root: Path | None = None) -> bytes:
    """The bytes of a regular file; `ImageError` for anything else (FIFO, device, folder, link loop).

    The file is opened once and checked through its descriptor, so it cannot be swapped in between;
    it is opened without blocking, so a FIFO without a writer cannot hang the caller. With `root`
    it must lie under that folder now, whatever it was when the path was made.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if root is not None:
            flags |= getattr(os, "O_NOFOLLOW", 0)
            if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                raise ImageError(str(path), f"has left the image root {str(root)!r}")
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a device can already do something
            raise ImageError(str(path), "is not a regular file")
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise ImageError(str(path), "there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(str(path), f"cannot be opened: {error}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(str(path), "is not a regular file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageError(str(path), f"is larger than {max_bytes} bytes")
    return data


def read_bytes(image: Image, max_bytes: int = MAX_BYTES) -> bytes:
    """The image file's bytes. URLs are not opened here: see `mmrerank.images.fetch.fetch_image`."""
    if image.path is not None:
        return read_file(image.path, max_bytes, image.root)
    if image.data is None:
        raise ImageError(
            image.name,
            "a URL is not opened here; fetch it first (mmrerank.images.fetch.fetch_image), "
            'or give the adapter urls="fetch"',
        )
    if len(image.data) > max_bytes:
        raise ImageError(image.name, f"is larger than {max_bytes} bytes")
    return image.data


def content_hash(data: bytes) -> str:
    """32 hex digits that name these bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def open_image(image: Image, max_pixels: int | None = None) -> PILImage:
    """Decode to RGB, upright, the first frame, transparency on white.

    `max_pixels` shrinks to at most that many pixels, keeping the aspect ratio.
    Raises `ImageError` for what is no image, truncated, too large, or in a format not allowed.
    """
    return decode_image(read_bytes(image), image.name, max_pixels)


def image_size(image: Image) -> tuple[int, int]:
    """Width and height as `open_image` gives them, from the header alone."""
    data = read_bytes(image)
    picture = _open(data, image.name)
    turned = _orientation(picture, data, image.name) >= 5
    return (picture.height, picture.width) if turned else (picture.width, picture.height)


def _orientation(picture: PILImage, data: bytes, name: str) -> int:
    """The EXIF orientation, 1 to 8."""
    # Pillow decodes a whole PNG to look for EXIF data behind the pixels; few have any.
    if picture.format == "PNG" and not any(mark in data for mark in _PNG_METADATA):
        return 1
    _run(picture.getexif, name)
    found = picture.getexif().get(0x0112, 1)
    return found if isinstance(found, int) else 1


def check_image(image: Image, *, decode: bool = False) -> None:
    """Raise `ImageError` unless this is a whole image within the limits.

    Checks a PNG's checksums and a JPEG's stream; their pixels are decoded only if `decode` is True,
    which finds all damage. A file is checked again only once it has changed.
    """
    if image.url is not None:
        return
    if image.path is None:
        _check(read_bytes(image), image.name, decode)
        return
    try:
        status = os.stat(image.path)
    except (OSError, ValueError):
        read_bytes(image)  # says what is wrong
        raise
    _check_file(image, status.st_size, status.st_mtime_ns, status.st_ino, decode)


@functools.lru_cache(maxsize=65536)
def _check_file(image: Image, size: int, mtime_ns: int, inode: int, decode: bool) -> None:
    """Remembers the files that passed, by size, time and inode."""
    _check(read_bytes(image), image.name, decode)


def _check(data: bytes, name: str, decode: bool) -> None:
    picture = _open(data, name)
    if picture.format == "PNG":
        _run(picture.verify, name)  # chunk checksums, without decompressing
    elif picture.format == "JPEG" and not decode:
        picture.draft(None, (1, 1))  # reads all of the stream, at an eighth of the size
        _run(picture.load, name)
    if decode or picture.format not in ("PNG", "JPEG"):
        _run(_open(data, name).load, name)


def encode_image(image: Image, max_pixels: int) -> EncodedImage:
    """The image as a service takes it: at most `max_pixels`, PNG, JPEG or WebP.

    Bytes that already fit are passed on as they are. What is shrunk becomes a JPEG, or a PNG
    where the source is lossless and the PNG is smaller (diagrams, screenshots).
    """
    data = read_bytes(image)
    picture = _open(data, image.name)
    upright = _orientation(picture, data, image.name) == 1
    if upright and _is_sendable(picture, max_pixels):
        _check(data, image.name, decode=False)
        return EncodedImage(data, _SENDABLE[str(picture.format)])
    lossless = picture.format not in ("JPEG", "WEBP")
    shrunk = decode_image(data, image.name, max_pixels)
    jpeg = _save(shrunk, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    png = _save(shrunk, "PNG", optimize=True) if lossless else None
    if png is not None and len(png) <= len(jpeg):
        return EncodedImage(png, "image/png")
    return EncodedImage(jpeg, "image/jpeg")


def encode_within(image: Image, max_pixels: int, max_bytes: int) -> EncodedImage:
    """As `encode_image`, in at most `max_bytes`: first a lower quality, then fewer pixels.

    Raises `ImageError` where even a small image does not fit. The same bytes always give the same.
    """
    encoded = encode_image(image, max_pixels)
    pixels = max_pixels
    while len(encoded.data) > max_bytes:
        shrunk = open_image(image, pixels)
        for quality in _LOWER_QUALITIES:
            data = _save(shrunk, "JPEG", quality=quality, optimize=True)
            encoded = EncodedImage(data, "image/jpeg")
            if len(data) <= max_bytes:
                return encoded
        pixels = shrunk.width * shrunk.height // 2
        if pixels < _FEWEST_PIXELS:
            raise ImageError(image.name, f"does not fit {max_bytes} bytes")
    return encoded


def thumbnail(image: Image, side: int = 256) -> EncodedImage:
    """A small copy for display, at most `side` pixels wide and high; never enlarged."""
    small = open_image(image, side * side * _LONGEST_SHAPE)
    small.thumbnail((side, side), reducing_gap=3.0)
    png = _save(small, "PNG", optimize=True)
    jpeg = _save(small, "JPEG", quality=_THUMBNAIL_QUALITY, optimize=True)
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
        and not getattr(picture, "is_animated", False)
    )


def _save(picture: PILImage, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def _open(data: bytes, name: str) -> PILImage:
    """Read the header and check format and pixel count; no pixel is decoded yet."""
    from PIL import Image as Pillow  # 40 ms that a text-only call need not pay
    from PIL import UnidentifiedImageError

    if not data:
        raise ImageError(name, "is empty")
    try:
        picture = Pillow.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        allowed = ", ".join(FORMATS)
        raise ImageError(name, f"is not an image in an accepted format ({allowed})") from None
    except Exception as error:  # Pillow's plugins raise many kinds on damaged headers
        raise ImageError(name, f"cannot be read: {error}") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(
            name, f"has {picture.width} x {picture.height} pixels; the limit is {MAX_PIXELS}"
        )
    return picture


def _run(action: Callable[[], object], name: str) -> None:
    try:
        action()
    except Exception as error:  # as above: OSError, SyntaxError, DecompressionBombError, ...
        raise ImageError(name, f"is damaged or truncated: {error}") from error


def decode_image(data: bytes, name: str, max_pixels: int | None) -> PILImage:
    """As `open_image`, for bytes that were read before; `name` is for messages."""
    from PIL import ImageOps

    picture = _open(data, name)
    target = _fit(picture.size, max_pixels)
    if picture.format == "JPEG" and target != picture.size:
        picture.draft(None, target)  # decode at a fraction of the size: several times faster
    _run(picture.load, name)
    try:
        upright = ImageOps.exif_transpose(picture)
        rgb = _to_rgb(upright)
    except Exception as error:
        raise ImageError(name, f"cannot be converted to RGB: {error}") from error
    target = _fit(rgb.size, max_pixels)
    return rgb if target == rgb.size else rgb.resize(target, resample=3, reducing_gap=3.0)


def _fit(size: tuple[int, int], max_pixels: int | None) -> tuple[int, int]:
    """The largest size of the same shape with at most `max_pixels` pixels."""
    width, height = size
    if max_pixels is None or width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _to_rgb(picture: PILImage) -> PILImage:
    from PIL import Image as Pillow

    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith(("I", "F")):  # 16 bits and more: Pillow would clip, not scale
        return _scaled(picture).convert("RGB")
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        white = Pillow.new("RGBA", above.size, "white")
        return Pillow.alpha_composite(white, above).convert("RGB")
    return picture.convert("RGB")


def _scaled(picture: PILImage) -> PILImage:
    """A picture of 16 or more bits a pixel, brought to 8 bits over its whole range."""
    wide = picture.convert("F")
    low, high = cast("tuple[float, float]", wide.getextrema())
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    factor = 255 / max(high - low, 1e-9)
    return wide.point(lambda value: value * factor - low * factor).convert("L")
