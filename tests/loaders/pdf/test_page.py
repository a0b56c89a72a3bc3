"""What the data of the PDF pipeline says of itself."""

from __future__ import annotations

from pdf_pages import (
    block,
    line,
)

from mmrerank.loaders.pdf.page import (
    Block,
    PageChunk,
    PageText,
    Piece,
    Region,
)
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)


def test_the_size_of_a_block_is_that_of_most_characters():
    lines = (line("a long line of text", size=10.1), line("HEAD", size=18.0))
    assert Block((0, 0, 1, 1), "", lines).size == 10.0
    assert Block((0, 0, 1, 1), "", ()).size == 0.0


def test_a_region_is_labelled_by_its_caption():
    caption = make_block([line("Figure 3: Speed")])
    assert Region((0, 0, 9, 9), "vector", caption).label == "figure 3"
    assert Region((0, 0, 9, 9), "vector", block("no caption")).label == ""
    assert Region((0, 0, 9, 9), "vector").label == ""


def test_an_empty_line_stands_between_the_blocks_of_a_chunk():
    pieces = tuple(Piece(text, block(text), first=True) for text in ("one", "two"))
    assert PageChunk(pieces).text == "one\n\ntwo"
    assert PageChunk(()).text == ""


def test_the_box_of_a_page_is_all_of_it():
    assert PageText(1, "", (600.0, 800.0), [], []).box == (0.0, 0.0, 600.0, 800.0)
