"""The segments of a JPEG file, read without decoding: its scans, and the file without metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["clean_jpeg", "count_scans", "is_jpeg"]

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE2, 0xEE, 0xEF, 0xFE

_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment: TEM, and restarts within a scan

_MARKER = re.compile(rb"\xff+([^\x00\xff])")

_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # the next marker but a restart

_JFIF_BYTES = 14  # of an APP0 segment; a thumbnail may follow
_ADOBE_BYTES = 12


def is_jpeg(data: bytes) -> bool:
    """Do these bytes begin as a JPEG file does? (Pillow calls one with several pictures MPO.)"""
    return data[:3] == b"\xff\xd8\xff"


def count_scans(data: bytes) -> int:
    """How many passes over its pixels a JPEG file contains; 1 unless it is progressive.

    Segments are skipped, so that a thumbnail within one does not count.
    """
    return sum(marker == _SOS for marker, _, _ in _segments(data))


def clean_jpeg(data: bytes) -> bytes | None:
    """The file without metadata, thumbnails and what follows its end; its pixels are the same.

    Keeps what colors depend on: JFIF and Adobe markers and the ICC profile. None if the file has
    no end.
    """
    pieces = [data[:2]]
    for marker, begin, end in _segments(data):
        if marker == _EOI:
            return b"".join([*pieces, b"\xff\xd9"])
        if _APP0 <= marker <= _APP15 or marker == _COM:
            payload = _needed(marker, data[begin + 2 : end])
            if payload is None:
                continue
            length = (len(payload) + 2).to_bytes(2)
            pieces.append(bytes((0xFF, marker)) + length + payload)
        else:
            pieces.append(bytes((0xFF, marker)) + data[begin:end])
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker after the first, with the begin and end of what belongs to it.

    That is its length and its content and, for a scan, the coded pixels.
    """
    position = 2
    while match := _MARKER.search(data, position):
        marker, begin = match[1][0], match.end()
        end = begin
        if marker not in _ALONE and marker not in (_SOI, _EOI):
            end = begin + max(2, int.from_bytes(data[begin : begin + 2]))
        if marker == _SOS:
            next_marker = _END_OF_SCAN.search(data, end)
            end = next_marker.start() if next_marker else len(data)
        yield marker, begin, end
        if marker == _EOI:
            return
        position = end


def _needed(marker: int, payload: bytes) -> bytes | None:
    """What decoders need of an application segment or a comment; None if nothing."""
    if marker == _APP0 and payload[:5] == b"JFIF\0" and len(payload) >= _JFIF_BYTES:
        return payload[: _JFIF_BYTES - 2] + b"\0\0"  # without a thumbnail
    if marker == _APP2 and payload[:12] == b"ICC_PROFILE\0":
        return payload
    if marker == _APP14 and payload[:5] == b"Adobe":
        return payload[:_ADOBE_BYTES]
    return None
