"""A slide is a chunk with its images."""

from __future__ import annotations

import copy
import io
import stat

import pytest
from helpers import DATA, image_file, load_file, not_rendered, tall_png
from PIL import Image

from mmrerank.errors import DocumentError, RerankWarning
from mmrerank.loaders import office

pytest.importorskip("pptx")

pytestmark = pytest.mark.usefixtures("no_libreoffice")

FIND_OFFICE = office.find_office


def test_charts_of_slides_are_words_and_numbers(root):
    first, second = load_file(DATA / "office" / "chart.pptx", root)
    assert (first.page, second.page) == (1, 2)
    assert "| 2019 | 120 | 80 |" in first.text
    assert first.metadata["section"] == "Quarterly Duck Survey"
    assert not_rendered(first) == ["chart on slide 1: native, no image"]
    assert [
        chunk.text[:1] for chunk in load_file(DATA / "office/group-shapes-nested.pptx", root)
    ] == ["A"]


@pytest.fixture
def slides(tmp_path):
    """A title, a picture in a group, a picture as background, notes, a table."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Belts"
    group = slide.shapes.add_group_shape()
    group.shapes.add_picture(io.BytesIO(image_file()), 0, 0, Inches(2), Inches(2))
    table = slide.shapes.add_table(1, 2, 0, Inches(4), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "speed", "7 m/s"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    _, relation = slide.part.get_or_add_image_part(io.BytesIO(image_file(color="blue")))
    fill = slide.background.fill
    fill.solid()
    properties = slide.element.cSld.bg.bgPr
    blip = (
        '<a:blipFill xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        f'<a:blip r:embed="{relation}"/></a:blipFill>'
    )
    from lxml import etree

    properties.replace(properties[0], etree.fromstring(blip))
    deck.slides.add_slide(deck.slide_layouts[6])
    path = tmp_path / "deck.pptx"
    deck.save(path)
    return path


def test_a_slide_is_a_chunk(slides, root):
    (chunk,) = load_file(slides, root)
    assert chunk.text == "Belts\n\n| speed | 7 m/s |\n| --- | --- |\n\nNotes: Say it slowly."
    assert len(chunk.links) == 2
    assert (chunk.page, chunk.section) == (1, "Belts")


@pytest.mark.parametrize(
    ("hide", "uses", "shown"), [(False, 1, True), (True, 1, False), (False, 3, False)]
)
def test_pictures_of_a_layout_that_few_slides_have(tmp_path, root, hide, uses, shown):
    import pptx

    deck = pptx.Presentation()
    layout = deck.slide_layouts[0]
    _, relation = layout.part.get_or_add_image_part(io.BytesIO(image_file(color="green")))
    drawn = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(
        io.BytesIO(image_file(color="blue")), 0, 0
    )
    inherited = copy.deepcopy(drawn._element)
    next(inherited.iter("{*}blip")).set(
        "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed", relation
    )
    layout.shapes._spTree.append(inherited)
    for _ in range(uses):
        slide = deck.slides.add_slide(layout)
        slide.shapes.title.text = "A title over a photograph"
        if hide:
            slide.element.set("showMasterSp", "0")
    deck.save(tmp_path / "deck.pptx")
    first, *others = load_file(tmp_path / "deck.pptx", root)
    assert len(first.links) == 1
    assert [len(chunk.links) for chunk in others] == [int(shown)] * uses


def test_slides_are_rendered_where_libreoffice_is(slides, root, tmp_path, monkeypatch):
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "rendered")
        document.new_page().insert_text((72, 72), "rendered too")
        document.save(tmp_path / "rendered.pdf")
    program = tmp_path / "soffice"
    program.write_text(
        f"#!/bin/sh\nwhile [ $# -gt 1 ]; do [ $1 = --outdir ] && out=$2; shift; done\n"
        f"cp {tmp_path}/rendered.pdf $out/deck.pdf\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(office, "find_office", lambda: str(program))
    first, second = load_file(slides, root)
    assert [link.figure.kind for link in first.links].count("page") == 1
    assert [link.figure.kind for link in second.links] == ["page"]


@pytest.mark.skipif(FIND_OFFICE() is None, reason="LibreOffice is not installed")
def test_charts_are_drawn_by_the_real_libreoffice(root, monkeypatch):
    pytest.importorskip("pymupdf")
    monkeypatch.setattr(office, "find_office", FIND_OFFICE)
    chunks = load_file(DATA / "office" / "chart.pptx", root)
    drawn = [link.figure for chunk in chunks for link in chunk.links if link.figure.kind == "page"]
    assert len(drawn) == 2
    for figure in drawn:
        with Image.open(root / figure.ref) as image:
            assert len(image.convert("RGB").getcolors(10**6)) > 3


def test_one_image_that_cannot_be_saved_costs_nothing_else(tmp_path, root):
    import pptx

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Belts"
    for data in (tall_png(), image_file()):
        slide.shapes.add_picture(io.BytesIO(data), 0, 0, 99999, 99999)
    deck.save(tmp_path / "deck.pptx")
    with pytest.warns(RerankWarning, match="deck.pptx: an image is left out: image1.png: "):
        (chunk,) = load_file(tmp_path / "deck.pptx", root)
    assert chunk.text == "Belts"
    assert len(chunk.links) == 1
    assert [name[:12] for name in not_rendered(chunk)] == ["image1.png: "]


@pytest.mark.parametrize("name", ["show.ppsx", "template.potx", "show.ppsm", "template.potm"])
def test_slide_shows_and_templates(tmp_path, root, name):
    import pptx

    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Belts"
    kind = {
        "show.ppsx": "openxmlformats-officedocument.presentationml.slideshow",
        "template.potx": "openxmlformats-officedocument.presentationml.template",
        "show.ppsm": "ms-powerpoint.slideshow.macroEnabled",
        "template.potm": "ms-powerpoint.template.macroEnabled",
    }[name]
    deck.part._content_type = f"application/vnd.{kind}.main+xml"
    deck.save(tmp_path / name)
    assert [chunk.text for chunk in load_file(tmp_path / name, root)] == ["Belts"]


def test_another_office_file_is_not_a_presentation(tmp_path, root):
    docx = pytest.importorskip("docx")
    docx.Document().save(tmp_path / "a.pptx")
    with pytest.raises(DocumentError, match="is no presentation"):
        load_file(tmp_path / "a.pptx", root)


def test_merged_cells_of_a_slide(tmp_path, root):
    import pptx

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, 0, 0, 99999, 99999).table
    table.cell(0, 0).merge(table.cell(0, 1))
    for row, column, text in ((0, 0, "wide"), (1, 0, "a"), (1, 1, "b")):
        table.cell(row, column).text = text
    deck.save(tmp_path / "deck.pptx")
    (chunk,) = load_file(tmp_path / "deck.pptx", root)
    assert chunk.text == (
        '<table>\n<tr><th colspan="2">wide</th></tr>\n<tr><td>a</td><td>b</td></tr>\n</table>'
    )


def test_slides_without_anything_say_so(tmp_path, root):
    import pptx

    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[6])
    deck.save(tmp_path / "deck.pptx")
    with pytest.warns(RerankWarning, match="deck.pptx: has no text and no images"):
        assert load_file(tmp_path / "deck.pptx", root) == []
