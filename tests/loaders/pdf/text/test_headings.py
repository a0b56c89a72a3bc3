"""Headings, and the sections that they open."""

from __future__ import annotations

import pytest
from pdf_pages import (
    block,
    line,
)

from mmrerank.loaders.pdf.page import (
    Block,
)
from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)


def test_size_weight_and_outline_make_a_heading():
    headings = Headings(10.0, {3: ["The  outline"]})
    assert headings.is_heading(block("Large", size=12.0))
    assert headings.is_heading(make_block([line("Bold", bold=True)]))
    assert headings.is_heading(block("the outline"), 3)
    assert not headings.is_heading(block("the outline"), 4)
    assert not headings.is_heading(block("Plain"))
    assert not headings.is_heading(make_block([line("Bold prose.", bold=True)]))


@pytest.mark.parametrize(
    "no_heading",
    [
        make_block([line("Figure 1: Large", size=14.0)]),
        Block((0, 0, 9, 9), "Label", (line("Label", size=14.0),), in_figure=True),
        block("3.1", size=14.0),
        block("long " * 40, size=14.0),
        make_block([line("four", y=12.0 * row, size=14.0) for row in range(4)]),
    ],
)
def test_large_type_that_is_not_a_heading(no_heading):
    assert not Headings(10.0).is_heading(no_heading)


def test_smaller_type_opens_a_section_within():
    headings = Headings(10.0)
    assert headings.section == ""
    for text, size, section in [
        ("1 One", 16.0, "1 One"),
        ("1.1\nInner", 13.0, "1 One > 1.1 Inner"),
        ("1.2 Next", 13.0, "1 One > 1.2 Next"),
        ("2 Two", 16.0, "2 Two"),
    ]:
        headings.enter(block(text, size=size))
        assert headings.section == section


def test_numbers_say_which_section_is_within_which():
    headings = Headings(10.0)
    for text, section in [
        ("The hall", "The hall"),
        ("2 Methods", "2 Methods"),
        ("2.1 Belts", "2 Methods > 2.1 Belts"),
        ("2.1.1 Rubber", "2 Methods > 2.1 Belts > 2.1.1 Rubber"),
        ("2.2 Nuts", "2 Methods > 2.2 Nuts"),
        ("3. Results", "3. Results"),
    ]:
        headings.enter(block(text))
        assert headings.section == section


def test_heavy_type_says_nothing_where_all_text_is_heavy():
    bold = make_block([line("Bold", bold=True)])
    assert not Headings(10.0, body_bold=True).is_heading(bold)
    assert Headings(11.0).is_heading(bold)  # capitals are often a little smaller


def test_an_outline_without_numbers_names_numbered_headings():
    headings = Headings(10.0, {3: ["Methods", "4.2 Results"]})
    assert headings.is_heading(block("2.1 Methods"), 3)
    assert headings.is_heading(block("Results"), 3)


def test_sideways_text_is_not_a_heading():
    assert not Headings(10.0).is_heading(make_block([line("Stamp", size=20.0, upright=False)]))


def test_one_letter_is_enough_for_a_title_of_the_outline():
    headings = Headings(10.0, {1: ["R3"]})
    part = make_block([line("R3", bold=True)])
    assert headings.is_heading(part, 1)
    assert not headings.is_heading(part, 2)
