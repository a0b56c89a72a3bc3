"""Read, open and decode images. Files and bytes are untrusted input.

A file is opened once, must be a regular file of bounded size, in a format of an allow-list
(Pillow would start Ghostscript for EPS), and its pixels, its sides and the scans of a JPEG are
counted before it is decoded. However many threads decode, their images together have at most
`MAX_PIXELS`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mmrerank.errors import ImageError
from mmrerank.images.beneath import open_beneath
from mmrerank.images.budget import PixelBudget
from mmrerank.images.jpeg import count_scans, is_jpeg
from mmrerank.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SCANS",
    "MAX_SIDE",
    "content_hash",
    "decode_image",
    "decoding",
    "decoding_pixels",
    "image_size",
    "open_header",
    "open_image",
    "orientation",
    "read_bytes",
    "read_file",
]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")

MAX_BYTES = 64 * 2**20

MAX_PIXELS = 89_478_485  # Pillow's own limit; decoding takes 8 bytes a pixel, and 16 for WebP

MAX_SIDE = 65_500  # pixels, libjpeg's limit: what is wider or higher cannot be sent as a JPEG

MAX_SCANS = 32
"""Of a progressive JPEG: each is a pass over all pixels. Encoders make about ten."""

_BAND_PIXELS = 2**20  # converted at a time, so that no copy of a large picture is made

_budget = PixelBudget(MAX_PIXELS)

_PNG_METADATA = (b"eXIf", b"Raw profile type", b"adobe.xmp")

_ORIENTATION = 0x0112  # the EXIF tag


def read_file(path: Path, max_bytes: int = MAX_BYTES, root: Path | None = None) -> bytes:
    """The bytes of a regular file.

    The file is opened once and checked through its descriptor, so it cannot be swapped in between;
    it is opened without blocking, so a FIFO without a writer cannot hang the caller. With `root`
    it must lie under that folder now, wherever it was when the path was made, and is opened from
    there (`mmrerank.images.beneath`).

    Raises `ImageError` for a file that is missing, too large or outside `root`, and for anything
    that is not a regular file (FIFO, device, folder, link loop).
    """
    with os.fdopen(_open_regular(path, root), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ImageError(str(path), "is not a regular file")
        data = file.read(max_bytes + 1)
    return _within(data, max_bytes, str(path))


def _open_regular(path: Path, root: Path | None) -> int:
    """A descriptor of the file, which was a regular file just before it was opened."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if root is not None and not _is_inside(path, root):
            raise ImageError(str(path), f"has left the image root {str(root)!r}")
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a device can already do something
            raise ImageError(str(path), "is not a regular file")
        return os.open(path, flags) if root is None else open_beneath(path, root, flags)
    except FileNotFoundError:
        raise ImageError(str(path), "there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(str(path), f"cannot be opened: {error}") from None


def _is_inside(path: Path, root: Path) -> bool:
    """Checked before the file is looked at, so that nothing is told of files elsewhere."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _within(data: bytes, max_bytes: int, name: str) -> bytes:
    if len(data) > max_bytes:
        raise ImageError(name, f"is larger than {max_bytes} bytes")
    return data


def read_bytes(image: Image, max_bytes: int = MAX_BYTES) -> bytes:
    """The image file's bytes.

    Raises `ImageError` as `read_file` does, and for a URL, which is not opened here: see
    `mmrerank.images.fetch.fetch_image`.
    """
    if image.path is not None:
        return read_file(image.path, max_bytes, image.root)
    if image.data is None:
        raise ImageError(
            image.name,
            "a URL is not opened here; fetch it first (mmrerank.images.fetch.fetch_image), "
            'or give the adapter urls="fetch"',
        )
    return _within(image.data, max_bytes, image.name)


def content_hash(data: bytes) -> str:
    """32 hex digits that name these bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def open_image(image: Image, max_pixels: int | None = None) -> PILImage:
    """Decode to RGB: upright, the first frame, transparency on white.

    `max_pixels` shrinks to at most that many pixels, keeping the aspect ratio. Raises `ImageError`
    for what is not an image, truncated, too large, or in a format that is not allowed.
    """
    return decode_image(read_bytes(image), image.name, max_pixels)


def decode_image(data: bytes, name: str, max_pixels: int | None) -> PILImage:
    """As `open_image`, for bytes that were read before; `name` is for messages.

    Raises `ImageError` as `open_image` does.
    """
    picture = open_header(data, name)
    target = _fit(picture.size, max_pixels)
    with decoding_pixels(picture, name):
        if is_jpeg(data) and target != picture.size:
            picture.draft(None, target)  # decode at a fraction of the size: several times faster
        picture.load()
        rgb = _to_upright_rgb(picture, name)
        target = _fit(rgb.size, max_pixels)
        if target != rgb.size:
            rgb = rgb.resize(target, resample=3, reducing_gap=3.0)
    rgb.info.clear()  # comments and profiles, which Pillow would write into files made of it
    return rgb


def _to_upright_rgb(picture: PILImage, name: str) -> PILImage:
    from PIL import ImageOps

    try:
        ImageOps.exif_transpose(picture, in_place=True)
        return _to_rgb(picture)
    except Exception as error:
        raise ImageError(name, f"cannot be converted to RGB: {error}") from error


def image_size(image: Image) -> tuple[int, int]:
    """Width and height in pixels of what `open_image` returns, from the header alone.

    Raises `ImageError` for what cannot be read or is not an image.
    """
    data = read_bytes(image)
    picture = open_header(data, image.name)
    is_on_its_side = orientation(picture, data, image.name) >= 5
    return (picture.height, picture.width) if is_on_its_side else picture.size


def open_header(data: bytes, name: str) -> PILImage:
    """Read the header and check format, size and scans; no pixel is decoded yet.

    Raises `ImageError` for what is empty, not an image, too large, in too many scans, or in a
    format that is not allowed.
    """
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
    _check_limits(picture, data, name)
    return picture


def _check_limits(picture: PILImage, data: bytes, name: str) -> None:
    size = f"{picture.width} x {picture.height} pixels"
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageError(name, f"has {size}; the limit is {MAX_PIXELS} (MAX_PIXELS)")
    if max(picture.size) > MAX_SIDE:
        raise ImageError(name, f"has {size}; the limit of a side is {MAX_SIDE} (MAX_SIDE)")
    if is_jpeg(data) and (scans := count_scans(data)) > MAX_SCANS:
        raise ImageError(name, f"has {scans} scans; the limit is {MAX_SCANS} (MAX_SCANS)")


def orientation(picture: PILImage, data: bytes, name: str) -> int:
    """The EXIF orientation of a picture with these bytes, 1 to 8. Raises `ImageError`."""
    # Pillow decodes a whole PNG to look for EXIF data behind the pixels; few have any.
    if picture.format == "PNG" and not any(mark in data for mark in _PNG_METADATA):
        return 1
    with decoding_pixels(picture, name):
        value = picture.getexif().get(_ORIENTATION, 1)
    return value if isinstance(value, int) else 1


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever Pillow raises within the block becomes an `ImageError` that names the image."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # OSError, SyntaxError, DecompressionBombError, ...
        raise ImageError(name, f"is damaged or truncated: {error}") from error


@contextlib.contextmanager
def decoding_pixels(picture: PILImage, name: str) -> Iterator[None]:
    """As `decoding`, for a block that decodes pixels: it waits while others decode too many."""
    with decoding(name), _budget.reserve(picture.width * picture.height):
        yield


def _fit(size: tuple[int, int], max_pixels: int | None) -> tuple[int, int]:
    """The largest size of the same shape with at most `max_pixels` pixels."""
    width, height = size
    if max_pixels is None or width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    width, height = max(1, int(width * scale)), max(1, int(height * scale))
    return min(width, max_pixels), min(height, max_pixels)  # a line of one pixel shrinks no more


def _to_rgb(picture: PILImage) -> PILImage:
    """A copy of the picture in RGB, made band by band: see `_BAND_PIXELS`."""
    from PIL import Image as Pillow

    if picture.mode == "RGB":
        return picture.copy()
    convert = _conversion(picture)
    rgb = Pillow.new("RGB", picture.size)
    rows = max(1, _BAND_PIXELS // max(1, picture.width))
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(top + rows, picture.height))
        rgb.paste(convert(picture.crop(box)), box)
    return rgb


def _conversion(picture: PILImage) -> Callable[[PILImage], PILImage]:
    """How a part of this picture becomes RGB."""
    from PIL import Image as Pillow

    def on_white(part: PILImage) -> PILImage:
        above = part.convert("RGBA")
        white = Pillow.new("RGBA", above.size, "white")
        return Pillow.alpha_composite(white, above).convert("RGB")

    if picture.mode.startswith(("I", "F")):  # 16 bits and more: Pillow would clip, not scale
        low, high = _range(picture)
        factor = 255 / max(high - low, 1e-9)
        return lambda part: (
            part.convert("F")
            .point(lambda value: value * factor - low * factor)
            .convert("L")
            .convert("RGB")
        )
    return on_white if picture.has_transparency_data else lambda part: part.convert("RGB")


def _range(picture: PILImage) -> tuple[float, float]:
    """The values of a picture of 16 or more bits a pixel that become black and white."""
    if picture.mode.startswith("I;16"):
        return 0.0, 65535.0
    return cast("tuple[float, float]", picture.getextrema())
