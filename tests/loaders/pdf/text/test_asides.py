"""Heavy type that is no heading: names in the margin, heads of columns, signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pdf_pages import PROSE, line, load, write

from mmrerank.loaders.pdf.text.asides import with_asides
from mmrerank.loaders.pdf.text.lines import make_block

pymupdf = pytest.importorskip("pymupdf")


def heavy(text, x=72.0, y=100.0, width=60.0):
    return make_block([line(text, x=x, y=y, width=width, bold=True)])


def text(words=PROSE, x=72.0, y=114.0, width=400.0):
    return make_block([line(words, x=x, y=y, width=width)])


def asides(*blocks):
    return [block.text for block in with_asides(blocks) if block.is_aside]


def test_a_heading_has_its_text_below():
    assert asides(heavy("Belts"), text()) == []
    assert asides(heavy("Belts"), heavy("Of rubber", y=114.0), text(y=128.0)) == []
    assert asides(heavy("Belts", y=40.0), text()) == ["Belts"]  # too far
    assert asides(heavy("Belts"), text("Of rubber.")) == []


def test_a_name_beside_a_paragraph_is_none():
    names = [heavy("Dr. Smith", y=100.0), heavy("Dr. Jones", y=160.0)]
    answers = [text(x=170.0, y=100.0), text(x=170.0, y=160.0)]
    assert asides(*names, *answers) == ["Dr. Smith", "Dr. Jones"]
    assert asides(*names, *answers, text(y=172.0, width=50.0)) == ["Dr. Smith"]


def test_a_number_is_enough():
    assert asides(heavy("2.1 Belts"), heavy("3. Halls", y=300.0)) == []
    assert asides(heavy("1996 Belts"), heavy("40 Halls", y=300.0)) == ["1996 Belts", "40 Halls"]


def test_the_last_line_of_a_column_opens_the_next():
    paragraph = text(PROSE * 2, y=88.0)
    assert asides(paragraph, heavy("Belts")) == []
    assert asides(paragraph, heavy("Belts", x=300.0)) == ["Belts"]
    assert asides(heavy("Belts")) == ["Belts"]


def test_the_heads_of_columns_are_none():
    row = [heavy("Belt"), heavy("Speed", x=172.0)]
    cells = [text("Alpha", width=60.0), text("1.25", x=172.0, width=60.0)]
    assert asides(*row, *cells) == ["Belt", "Speed"]
    assert asides(row[0], cells[0]) == []


def test_a_heading_may_open_a_figure():
    labels = replace(text("0 10 20 30", y=150.0), in_figure=True)
    assert asides(heavy("Belts"), labels) == []
    assert asides(heavy("Belts", width=500.0), labels) == ["Belts"]


def test_names_of_speakers_are_no_sections(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        write(page, 60, "Talk in the hall", size=16, font="hebo")
        write(page, 100, PROSE * 2)
        write(page, 160, "Questions", font="hebo")
        write(page, 174, PROSE * 3)
        for row, name in enumerate(["Dr. Smith", "Prof. Jones", "Dr. Smith"]):
            y = 260 + 70 * row
            page.insert_text((72, y + 10), name, fontname="hebo", fontsize=10)
            page.insert_textbox((150, y, 520, y + 60), PROSE * 3, fontsize=10)
        document.save(tmp_path / "a.pdf")
    chunks = load(tmp_path / "a.pdf", root, chunk_size=300)
    assert {chunk.section for chunk in chunks} == {
        "Talk in the hall",
        "Talk in the hall > Questions",
    }
    whole = " ".join(chunk.text for chunk in chunks)
    assert whole.count("Dr. Smith") == 2
