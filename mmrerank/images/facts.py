"""Facts about an image file that scores depend on: a hash of its bytes, its size and orientation."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from mmrerank.errors import ImageError
from mmrerank.filesystem import FileStamp, file_stamp
from mmrerank.images.decode import image_size, read_bytes
from mmrerank.types import Image

__all__ = ["ImageFacts", "digest", "image_facts", "named"]

_FILES = 65536  # files remembered, some hundred bytes each


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The SHA-256 of an image file's bytes, and its upright width and height in pixels."""

    digest: str
    width: int
    height: int


def image_facts(image: Image) -> ImageFacts:
    """Hash and measure an image; a file is read again only once it has changed.

    Raises `ImageError` for what cannot be read or is not an image.
    """
    stamp = file_stamp(image.path) if image.path is not None else None
    return _facts(image) if stamp is None else _facts_of_file(image, stamp)


@functools.lru_cache(maxsize=_FILES)
def _facts_of_file(image: Image, stamp: FileStamp) -> ImageFacts:
    return _facts(image)


def _facts(image: Image) -> ImageFacts:
    data = read_bytes(image)
    with named(image):
        width, height = image_size(Image.from_bytes(data))  # of the bytes that were hashed
    return ImageFacts(digest(data), width, height)


def digest(data: bytes) -> str:
    """The SHA-256 of an image file's bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def named(image: Image) -> Iterator[None]:
    """Raises an `ImageError` of the block, which is about bytes, with the name of their file."""
    try:
        yield
    except ImageError as error:
        raise ImageError(image.name, error.reason) from error
