"""Scans are counted as a decoder meets them."""

from __future__ import annotations

import io

import pytest
from helpers import DATA, image_file
from PIL import Image as Pillow

from mmrerank.images.jpeg import count_scans, is_jpeg


def progressive(mode="RGB", size=(64, 48)):
    data = io.BytesIO()
    Pillow.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 60).convert(mode).save(data, "JPEG", progressive=True)  # fmt: skip
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        (image_file(kind="JPEG"), 1),
        (progressive("L"), 6),
        (progressive(), 10),
        (b"", 0),
        (b"\xff\xd8\xff", 0),
        (b"\xff\xd8\xff\xda", 1),
    ],
)
def test_scans_are_counted(data, scans):
    assert count_scans(data) == scans


def test_what_looks_like_a_scan_within_a_segment_is_none():
    data = image_file(kind="JPEG")
    comment = b"\xff\xda" * 50
    assert count_scans(data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + data[2:]) == 1  # fmt: skip


def test_a_jpeg_is_known_by_its_beginning():
    assert is_jpeg((DATA / "images" / "pil_sample_cmyk.jpg").read_bytes())
    assert not is_jpeg(image_file())
