"""Image files without what is not the picture: locations, thumbnails, comments, trailing bytes.

The pixels are not encoded again, and the same bytes always become the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mmrerank.images.jpeg import clean_jpeg, is_jpeg

__all__ = ["without_metadata"]

_PNG = b"\x89PNG\r\n\x1a\n"

_PNG_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PNG_COLORS = (b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT")

_WEBP_KEPT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP")
_WEBP_METADATA_FLAGS = 0x0C  # in the first byte of VP8X: EXIF and XMP follow


def without_metadata(data: bytes) -> bytes | None:
    """A PNG, JPEG or WebP file with its pixels and colors only.

    None for another format or structure: then only encoding the pixels again leaves the rest out.
    """
    if is_jpeg(data):
        return clean_jpeg(data)
    if data.startswith(_PNG):
        return _clean_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _clean_webp(data)
    return None


def _clean_png(data: bytes) -> bytes | None:
    pieces = [_PNG]
    for kind, begin, end in _chunks(data, len(_PNG), ">I4s", trailer=4):  # a checksum
        if kind in _PNG_PICTURE or kind in _PNG_COLORS:
            pieces.append(data[begin:end])
        elif not kind[0] & 0x20:  # an upper-case letter: cannot be left out
            return None
        if kind == b"IEND":
            return b"".join(pieces)
    return None


def _clean_webp(data: bytes) -> bytes | None:
    size = int.from_bytes(data[4:8], "little") + 8
    pieces: list[bytes] = []
    for kind, begin, end in _chunks(data[:size], 12, "<4sI", trailer=0):
        if kind in (b"ANIM", b"ANMF"):
            return None
        if kind == b"VP8X" and end - begin > 8:
            flags = data[begin + 8] & ~_WEBP_METADATA_FLAGS
            pieces.append(data[begin : begin + 8] + bytes((flags,)) + data[begin + 9 : end])
        elif kind in _WEBP_KEPT:
            pieces.append(data[begin:end])
    body = b"".join(piece + b"\0" * (len(piece) % 2) for piece in pieces)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body if pieces else None


def _chunks(
    data: bytes, position: int, header: str, *, trailer: int
) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each chunk, where its header begins and where it ends; whole chunks only."""
    while position + 8 <= len(data):
        first, second = struct.unpack_from(header, data, position)
        kind, length = (first, second) if isinstance(first, bytes) else (second, first)
        end = position + 8 + length + trailer
        if end > len(data):
            return
        yield kind, position, end
        position = end + (length % 2 if trailer == 0 else 0)  # WebP pads to even lengths
