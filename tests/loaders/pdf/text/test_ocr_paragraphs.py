"""Lines that OCR has read become paragraphs."""

from __future__ import annotations

import pytest
from pdf_pages import (
    texts,
)

from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks
from mmrerank.ocr.engine import ReadLine


def read(text, y, x=0.1, height=0.015, width=0.8):
    return ReadLine((x, y, x + width, y + height), text)


def test_lines_below_each_other_are_a_paragraph():
    lines = [read("second", 0.12), read(" first ", 0.1), read("apart", 0.2), read("  ", 0.14)]
    assert texts(scan_blocks(lines)) == ["first second", "apart"]


def test_boxes_and_sizes_are_in_points():
    title, text = scan_blocks(
        [read("Title", 0.1, height=0.04), *(read("text", y) for y in (0.2, 0.22))],
        (500.0, 1000.0),
        9.0,
    )
    assert title.box == pytest.approx((50.0, 100.0, 450.0, 140.0))
    assert title.size == 24.0
    assert text.size == 9.0


def test_a_scan_without_lines_has_no_paragraphs():
    assert scan_blocks([]) == []
    assert scan_blocks([read(" ", 0.1)]) == []
