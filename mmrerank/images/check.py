"""Is this a whole image within the limits? Asked before anything is scored."""

from __future__ import annotations

import functools

from mmrerank.filesystem import FileStamp, file_stamp
from mmrerank.images.decode import decoding, decoding_pixels, open_header, read_bytes
from mmrerank.images.jpeg import is_jpeg
from mmrerank.types import Image

__all__ = ["check_image"]

_FILES = 65536  # files remembered, some hundred bytes each


def check_image(image: Image, *, decode: bool = False) -> None:
    """Raise `ImageError` unless this is a whole image within the limits; URLs are not checked.

    Checks a PNG's checksums; its pixels are decoded only if `decode` is True, which finds all
    damage. A file is checked again only once it has changed.
    """
    if image.url is not None:
        return
    stamp = file_stamp(image.path) if image.path is not None else None
    if stamp is None:
        check_bytes(read_bytes(image), image.name, decode=decode)
    else:
        _check_file(image, stamp, decode)


@functools.lru_cache(maxsize=_FILES)
def _check_file(image: Image, stamp: FileStamp, decode: bool) -> None:
    """Remembers the files that passed, since `lru_cache` keeps no errors."""
    check_bytes(read_bytes(image), image.name, decode=decode)


def check_bytes(data: bytes, name: str, *, decode: bool) -> None:
    """As `check_image`, for bytes that were read before; `name` is for messages.

    Raises `ImageError`.
    """
    picture = open_header(data, name)
    if picture.format == "PNG":
        with decoding(name):
            picture.verify()  # chunk checksums, without decompressing
        if not decode:
            return
        picture = open_header(data, name)  # which `verify` has used up
    with decoding_pixels(picture, name):
        if is_jpeg(data):
            picture.draft(None, (1, 1))  # reads all of the stream, at an eighth of the size
        picture.load()
