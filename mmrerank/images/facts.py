"""Facts about an image file that scores depend on: a hash of its bytes, its size and orientation."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmrerank.errors import ImageError
from mmrerank.images.decode import image_size, read_bytes
from mmrerank.types import Image

__all__ = ["ImageFacts", "digest", "image_facts", "named"]

_SETTLED = 2.0  # seconds; the coarsest clock of a common file system

_FILES = 65536  # files remembered, some hundred bytes each


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image file is known by: the SHA-256 of its bytes, its width and height upright."""

    digest: str
    width: int
    height: int


def image_facts(image: Image) -> ImageFacts:
    """Hash and measure an image; a file is read again only once it has changed.

    A file is known by size, times and inode. One that changed within the last two seconds is read
    every time: it could change again without a clock showing it. Raises `ImageError`.
    """
    if image.path is None:
        return _facts(image)
    try:
        status = os.stat(image.path)
    except (OSError, ValueError):
        return _facts(image)  # says what is wrong
    changed = max(status.st_mtime, status.st_ctime)
    if time.time() - changed < _SETTLED:
        return _facts(image)
    return _remembered(
        image.path,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,  # a change of the content moves it even where mtime is put back
        status.st_ino,
        status.st_dev,
    )


@functools.lru_cache(maxsize=_FILES)
def _remembered(path: Path, *status: int) -> ImageFacts:
    return _facts(Image.from_path(path))


def _facts(image: Image) -> ImageFacts:
    data = read_bytes(image)
    with named(image):
        width, height = image_size(Image.from_bytes(data))  # of the bytes that were hashed
    return ImageFacts(digest(data), width, height)


def digest(data: bytes) -> str:
    """What an image file is known by."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def named(image: Image) -> Iterator[None]:
    """Errors about bytes that were read from a file name the file."""
    try:
        yield
    except ImageError as error:
        raise ImageError(image.name, error.reason) from error
