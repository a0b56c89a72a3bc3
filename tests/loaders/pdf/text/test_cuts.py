"""Blocks of PyMuPDF, cut before captions and around headings."""

from __future__ import annotations

from pdf_pages import line, texts

from mmrerank.loaders.pdf.text.cuts import cut_at_captions, cut_at_headings
from mmrerank.loaders.pdf.text.titles import title_forms


def rows(*lines, **kwargs):
    """Lines below each other; each a text, or a text and its flags."""
    pairs = [(one, {}) if isinstance(one, str) else one for one in lines]
    return [line(text, y=72.0 + 14 * row, **flags) for row, (text, flags) in enumerate(pairs)]


def cut(lines, *titles):
    return [texts(part) for part in cut_at_headings(lines, title_forms(titles))]


BOLD = {"bold": True, "width": 90.0}


def test_a_heading_in_heavy_or_large_type_is_apart():
    lines = rows(
        ("Belts", BOLD), "of rubber carry", "the parts.", ("Nuts", BOLD), "hold them firmly"
    )
    assert cut(lines) == [
        ["Belts"],
        ["of rubber carry", "the parts."],
        ["Nuts"],
        ["hold them firmly"],
    ]
    large = rows(("Belts", {"size": 14.0, "width": 90.0}), "of rubber carry the parts")
    assert cut(large) == [["Belts"], ["of rubber carry the parts"]]


def test_a_title_of_the_outline_is_apart_whatever_its_type():
    lines = rows("The parts are carried", "2.1 Methods for", "belts", "We built a belt")
    assert cut(lines, "Methods for belts") == [
        ["The parts are carried"], ["2.1 Methods for", "belts"], ["We built a belt"],
    ]  # fmt: skip


def test_what_is_no_heading_stays():
    for lines in (
        rows(("A heavy sentence.", BOLD), "of rubber"),
        rows("is wrapped and goes on", ("heavy", BOLD), "of rubber"),
        rows(("All", BOLD), ("is", BOLD), ("heavy", BOLD)),
        rows(("A formula fills its line", {"size": 14.0}), "of rubber"),
        rows(("Figure 1: Belts", BOLD), "of rubber"),
        rows(("one line", BOLD)),
    ):
        assert cut(lines) == [texts(lines)]


def test_a_row_of_cells_and_a_label_before_its_text_stay():
    cells = [line("Part", bold=True, width=40.0), line("Price", x=200.0, bold=True, width=40.0)]
    assert len(cut([*cells, line("belt", y=90.0)])) == 1
    label = [line("Note", bold=True, width=40.0), line("that belts wear", x=120.0)]
    assert len(cut(label)) == 1


def test_captions_begin_parts():
    lines = rows("label:", "Figure 1: Belts", "of rubber.", "Figure 2: Nuts")
    assert [texts(part) for part in cut_at_captions(lines)] == [
        ["label:"], ["Figure 1: Belts", "of rubber."], ["Figure 2: Nuts"],
    ]  # fmt: skip
