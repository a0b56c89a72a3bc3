"""Lines and blocks of text, hyphens, and captions that stand in one block."""

from __future__ import annotations

import pytest
from pdf_pages import (
    block,
    line,
    texts,
)

from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.lines import (
    is_panel_caption,
    is_prose,
    joined,
    make_block,
    read_blocks,
    words_of,
)

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_hyphened_line_ends_are_joined():
    with pymupdf.open() as document:
        page = document.new_page()
        for index, text in enumerate(
            ["the conveyor moves inde-", "pendent parts of Anglo-", "American steel"]
        ):
            page.insert_text((72, 72 + 12 * index), text, fontsize=10)
        (found,) = read_blocks(page)
    assert found.text == "the conveyor moves independent parts of Anglo-American steel"


def lines(*parts):
    return [line(text, y=72.0 + 12 * row, width=width) for row, (text, width) in enumerate(parts)]


@pytest.mark.parametrize(
    ("first", "second", "width", "known", "text"),
    [
        ("a wrapped line", "goes on", 200, (), "a wrapped line goes on"),
        ("a line that ends", "another", 100, (), "a line that ends\nanother"),
        ("inde-", "pendent", 100, (), "independent"),
        ("self\u00ad", "locking", 200, ["self-locking"], "selflocking"),
        ("self-", "locking", 200, ["self-locking"], "self-locking"),
        ("self-", "locking", 200, ["self-locking", "selflocking"], "selflocking"),
        ("Anglo-", "American", 200, (), "Anglo-American"),
        ("Anglo-", "American", 100, (), "Anglo-\nAmerican"),
        ("from 3-", "4 hours", 200, (), "from 3-4 hours"),
    ],
)
def test_the_end_of_a_line(first, second, width, known, text):
    assert joined(lines((first, width), (second, 200)), known) == text


def test_lines_in_one_row_are_one_line_of_text():
    assert joined([line("3.1", width=20.0), line("Speed", x=110.0)]) == "3.1 Speed"


def test_words_of_lines_are_those_that_no_line_end_cut():
    lines = [line("The Self\u2010locking inde-"), line("pendent nut")]
    assert words_of(lines) == {"the", "self-locking", "nut"}


def test_prose_is_long_and_in_the_size_of_the_body():
    text = "A line of prose that is long enough to be one."
    assert is_prose(block(text), 10.0)
    assert not is_prose(block("too short"), 10.0)
    assert not is_prose(block(text, size=14.0), 10.0)
    assert not is_prose(block("(a) " + text), 10.0)
    assert not is_prose(make_block([line("Figure 3: " + text)]), 10.0)
    assert not is_prose(make_block([line(text, upright=False)]), 10.0)
    assert is_panel_caption("(a) Left")
    assert not is_panel_caption("(and) right")


def test_captions_side_by_side_are_two_blocks():
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 100), "Figure 1: Left one", fontsize=10)
        page.insert_text((200, 100), "Figure 2: Right one", fontsize=10)
        page.insert_text((200, 112), "goes on here", fontsize=10)
        found = texts(read_blocks(page))
    assert sorted(found) == ["Figure 1: Left one", "Figure 2: Right one goes on here"]


def test_a_caption_that_is_a_number_has_the_title_below_it():
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 100), "Figure 1", fontsize=10)
        page.insert_text((72, 118), "Speed of the belt", fontsize=14)
        (found,) = read_blocks(page)
    assert found.text.split("\n") == ["Figure 1", "Speed of the belt"]
    assert found.caption.label == "figure 1"


def test_text_of_a_turned_page_is_where_a_reader_sees_it():
    with pymupdf.open() as document:
        page = document.new_page(width=600, height=800)
        page.insert_text((72, 100), "Turned with the page", fontsize=10)
        page.set_rotation(90)
        (found,) = read_blocks(page)
    assert found.box[0] > 600
    assert not found.lines[0].upright


def test_a_stamp_does_not_join_columns_nor_name_a_section(tmp_path):
    with pymupdf.open() as document:
        page = document.new_page()
        for x in (72, 310):
            for y in (100, 300):
                page.insert_textbox((x, y, x + 210, y + 120), "Belts carry the parts. " * 12)
        page.insert_text((30, 600), "archive:2101.01234 [belts] 1 Jan", fontsize=20, rotate=90)
        read = read_blocks(page)
    assert [round(one.box[0]) for one in read[:-1]] == [72, 72, 310, 310]
    assert read[-1].text.startswith("archive")
    assert not Headings(10.0).is_heading(read[-1])
