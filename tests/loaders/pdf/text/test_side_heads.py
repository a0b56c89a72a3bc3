"""Headings in the margin beside their text."""

from __future__ import annotations

import pytest
from pdf_pages import line, texts

from mmrerank.loaders.pdf.text.lines import make_block, read_blocks
from mmrerank.loaders.pdf.text.side_heads import side_heads

pymupdf = pytest.importorskip("pymupdf")


def test_a_heading_in_the_margin_opens_the_text_beside_it():
    head = make_block([line("Belts", x=30.0, y=100.0, width=60.0, bold=True)])
    beside = make_block(
        [line("of rubber carry the parts from one hall to the next", x=170.0, y=101.0)]
    )
    lower = make_block(
        [line("of rubber carry the parts from one hall to the next", x=170.0, y=114.0)]
    )
    below = make_block([line("of rubber", x=30.0, y=114.0)])
    assert side_heads([head, beside]) == {id(beside): [head]}
    assert side_heads([head, lower]) == {id(lower): [head]}
    assert side_heads([head, beside, below]) == {}
    assert side_heads([head]) == {}
    assert side_heads([]) == {}


def test_headings_in_the_margin_are_read_with_their_text():
    with pymupdf.open() as document:
        page = document.new_page()
        for row, name in enumerate(["Belts", "Nuts", "Lamps"]):
            y = 100 + 90 * row
            page.insert_text((36, y), f"{name} in the hall", fontsize=12, fontname="hebo")
            page.insert_textbox((190, y + 4, 540, y + 80), f"{name} are here. " * 12, fontsize=10)
        read = texts(read_blocks(page))
    assert [text.split()[1] for text in read] == ["in", "are"] * 3
    assert [text.split()[0] for text in read] == ["Belts"] * 2 + ["Nuts"] * 2 + ["Lamps"] * 2
