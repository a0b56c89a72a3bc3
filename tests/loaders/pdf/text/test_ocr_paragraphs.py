"""Lines that OCR has read become paragraphs."""

from __future__ import annotations

import pytest
from pdf_pages import (
    picture,
    texts,
)

from mmrerank.loaders.pdf.page_reader import OpenPDF
from mmrerank.loaders.pdf.text.headings import Headings
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


def test_a_text_layer_under_a_scan_is_read_like_our_own_ocr(tmp_path):
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_image(page.rect, stream=picture(), keep_proportion=False)
        page.insert_text((72, 60), "The hall of belts", fontsize=24, render_mode=3)
        for x in (72, 320):
            for row in range(4):  # each word by itself, in sizes that OCR guessed
                for index, word in enumerate(["Belts", "carry", "parts", f"{x}"]):
                    size = 10 + (row + index) % 3 * 0.4
                    page.insert_text(
                        (x + 34 * index, 120 + 13 * row), word, fontsize=size, render_mode=3
                    )
        document.save(tmp_path / "scan.pdf")
    blocks = OpenPDF(str(tmp_path / "scan.pdf")).text(1).blocks
    assert [one.text.split()[0] for one in blocks] == ["The", "Belts", "Belts"]
    assert [one.text.count("carry parts") for one in blocks] == [0, 4, 4]
    assert "72" in blocks[1].text
    assert "320" in blocks[2].text
    assert Headings(10.0).is_heading(blocks[0])
    assert {one.size for one in blocks[1:]} == {10.0}
