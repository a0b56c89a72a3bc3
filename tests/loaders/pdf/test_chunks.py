"""From pages to chunks: text, sections, ids, markers, and pages read by OCR."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from pdf_pages import (
    DATA,
    PDF,
    kinds,
    load,
    picture,
)
from picture_pages import A4, CHART, PHOTO, as_picture, draw_paper, draw_slide
from PIL import Image, ImageDraw

from mmrerank.errors import (
    RerankWarning,
)
from mmrerank.images.markers import marked_refs, marker
from mmrerank.loaders.boxes import area, overlap
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.splitting import Sizes
from mmrerank.ocr.engine import ReadLine

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_metadata_and_ids(report, root):
    chunks = load(report, root)
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.page for chunk in chunks] == sorted(chunk.page for chunk in chunks)
    assert {chunk.metadata["source"] for chunk in chunks} == {os.fspath(report)}
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert [chunk.id for chunk in load(report, root)] == [chunk.id for chunk in chunks]
    for chunk in chunks:
        assert ("images" in chunk.metadata) == bool(chunk.links)


def test_running_titles_and_page_numbers_are_left_out(book, root):
    for chunk in load(book, root):
        assert "Belts and halls" not in chunk.text
        assert not any(line.strip().isdecimal() for line in chunk.text.split("\n"))


def test_sections_are_metadata(book, root):
    chunks = load(book, root, chunk_size=300)
    assert chunks[0].metadata["section"] == "1 Chapter of belts"
    (short,) = [chunk for chunk in chunks if chunk.text.startswith("In short")]
    assert short.metadata["section"] == "1 Chapter of belts > In short"
    assert chunks[-1].metadata["section"] == "4 Chapter of belts"


def test_a_page_as_a_chunk_with_its_image(book, root):
    chunks = load(book, root, mode="page", page_images=True)
    assert [chunk.page for chunk in chunks] == [1, 2, 3, 4]
    for chunk in chunks:
        last = chunk.links[-1]
        assert (last.kind, last.figure.kind, last.figure.page) == ("page", "page", chunk.page)
        with Image.open(root / last.figure.ref) as image:
            assert image.height > image.width > 500


def test_chunks_are_measured_by_the_callers_counter(book, root):
    def words(text):
        return len(text.split())

    chunks = load(book, root, chunk_size=20, count_tokens=words)
    assert max(words(chunk.text) for chunk in chunks) <= 20
    assert len(chunks) > 8
    assert Sizes(3, words).longest("one ", "two three four") == len("two three ")


def test_markers_stand_where_the_text_speaks_of_a_figure(book, root):
    first, second, *_ = load(book, root, mode="page", markers=True)
    (link,) = second.links
    assert f"the drawing is Figure 1 {marker(link.figure.ref)}" in first.text
    assert f"Speed of the belt. {marker(link.figure.ref)}" in second.text
    assert marked_refs(first.text, [link.figure.ref]) == [link.figure.ref]


def test_a_page_of_nothing_but_an_image_is_not_lost(root):
    (chunk,) = load(PDF / "scan-rotated-90.pdf", root, ocr=False)
    assert (chunk.text, kinds(chunk)) == ("", [("page", 0.3, "", 1)])
    assert chunk.links[0].figure.kind == "page"
    with Image.open(root / chunk.links[0].figure.ref) as image:
        assert image.width > image.height


def test_a_file_with_nothing_in_it_is_reported(tmp_path, root):
    with pymupdf.open() as document:
        document.new_page()
        document.save(tmp_path / "blank.pdf")
    with pytest.warns(RerankWarning, match="neither text nor images"):
        assert load(tmp_path / "blank.pdf", root) == []


def test_words_of_a_scan_become_its_text(tmp_path, root, monkeypatch):
    line = ReadLine((0.1, 0.1, 0.9, 0.2), "words of the scan")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    path = DATA / "pdf" / "scan-rotated-90.pdf"
    for ocr in (True, None):
        (chunk,) = load(path, root, ocr=ocr)
        assert chunk.text.startswith("words of the scan")
    (chunk,) = load(path, root, ocr=False)
    assert chunk.text == ""
    monkeypatch.setattr("mmrerank.loaders.pdf.options.has_ocr", lambda: False)
    (chunk,) = load(path, root)
    assert chunk.text == ""


@pytest.mark.parametrize("ocr", [True, pytest.param(None, marks=pytest.mark.slow), False])
def test_pages_with_nothing_but_a_running_title(tmp_path, root, ocr):
    """One is blank; the other is a scan, which is read although its title is text."""
    pytest.importorskip("rapidocr")
    scan = Image.new("RGB", (1000, 1200), "white")
    draw = ImageDraw.Draw(scan)
    for row in range(8):
        draw.text((100, 150 + 100 * row), "Bearing of the turbine", "black", font_size=60)
    scan.save(tmp_path / "scan.png")
    with pymupdf.open() as document:
        for number in range(1, 7):
            page = document.new_page()
            if number == 4:
                page.insert_image((5, 60, 590, 800), filename=str(tmp_path / "scan.png"))
            elif number != 3:
                page.insert_textbox(
                    (72, 100, 520, 400), f"Belts carry parts of kind {number}. " * 30
                )
            page.insert_text((72, 40), "The hall of belts")
            page.insert_text((290, 820), str(number))
        document.save(tmp_path / "book.pdf")
    chunks = load(tmp_path / "book.pdf", root, ocr=ocr)
    assert {chunk.page for chunk in chunks} == {1, 2, 4, 5, 6}
    (read,) = [chunk for chunk in chunks if chunk.page == 4]
    assert read.links[0].figure.page == 4
    assert ("turbine" in read.text) == (ocr is not False)


def test_a_scan_is_read_in_columns_and_paragraphs(tmp_path, root, monkeypatch):
    def column(x, words):
        return [
            ReadLine((x, 0.2 + 0.02 * row, x + 0.4, 0.218 + 0.02 * row), f"{word} in the col-")
            for row, word in enumerate(words)
        ]

    title = ReadLine((0.2, 0.1, 0.8, 0.15), "A title over both")
    lines = [title, *column(0.05, ["one", "two"]), *column(0.55, ["three", "four"])]
    lines.sort(key=lambda line: line.box[1])
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: lines)
    (chunk,) = load(DATA / "pdf" / "scan-rotated-90.pdf", root, ocr=True)
    assert chunk.text == (
        "A title over both\n\none in the coltwo in the col-\n\nthree in the colfour in the col-"
    )
    assert chunk.section == "A title over both"
    assert "page" in [link.kind for link in chunk.links]


def test_pages_that_are_the_same_picture_are_not_lost(tmp_path, root):
    made = pymupdf.open()
    for _ in range(3):
        page = made.new_page(width=300, height=200)
        page.insert_image(page.rect, stream=picture(), keep_proportion=False)
    made.save(tmp_path / "a.pdf")
    chunks = load(tmp_path / "a.pdf", root, ocr=False)
    assert [[link.figure.kind for link in chunk.links] for chunk in chunks] == [["page"]] * 3


def test_figures_inside_a_scan_are_linked_as_any_others(tmp_path, root, monkeypatch):
    lines = as_picture(tmp_path / "scan.pdf", draw_paper, A4)
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: lines)
    chunks = load(tmp_path / "scan.pdf", root, ocr=True, chunk_size=500)
    figures = {link.figure.ref: link.figure for chunk in chunks for link in chunk.links}
    assert sorted(figure.kind for figure in figures.values()) == ["page", "raster"]
    (chart,) = [figure for figure in figures.values() if figure.kind == "raster"]
    assert (chart.label, chart.caption) == ("figure 3", "Figure 3: Parts carried by year")
    (mention,) = [chunk for chunk in chunks if "As Figure 3 shows" in chunk.text]
    assert (mention.links[0].figure, mention.links[0].kind) == (chart, "reference")
    assert [link.figure.kind for link in mention.links] == ["raster"]
    assert any(link.figure.kind == "page" for chunk in chunks for link in chunk.links)
    (captioned,) = [chunk for chunk in chunks if "Figure 3: Parts" in chunk.text]
    assert "caption" in [link.kind for link in captioned.links if link.figure == chart]
    with Image.open(root / chart.ref) as crop:
        x0, y0, x1, y1 = chart.box
        assert abs(crop.width / crop.height - (x1 - x0) / (y1 - y0)) < 0.02


def test_the_words_of_a_figure_inside_a_scan_are_read_once(tmp_path, root, monkeypatch):
    lines = as_picture(tmp_path / "scan.pdf", draw_slide)
    read = []
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda *file: read.append(file) or lines)
    loader = PDFLoader(tmp_path / "scan.pdf", image_root=root)
    page, chart, photo = loader.figures()
    assert (page.kind, chart.kind, photo.kind) == ("page", "raster", "raster")
    assert set(chart.words.split()) >= {"40", "30", "2018", "2022"}
    assert photo.words == ""
    assert len(read) == 1


@pytest.mark.parametrize("angle", [0, 90])
def test_a_scan_that_was_turned_to_be_read_stays_whole(tmp_path, root, monkeypatch, angle):
    lines = [replace(line, angle=angle) for line in as_picture(tmp_path / "scan.pdf", draw_slide)]
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: lines)
    figures = PDFLoader(tmp_path / "scan.pdf", image_root=root).figures()
    assert len(figures) == (1 if angle else 3)


def test_without_ocr_a_scan_is_its_page_alone(tmp_path, root):
    as_picture(tmp_path / "scan.pdf", draw_slide)
    (figure,) = PDFLoader(tmp_path / "scan.pdf", image_root=root, ocr=False).figures()
    assert figure.kind == "page"


@pytest.mark.slow
def test_the_chart_and_the_photograph_of_a_slide_that_ocr_reads(tmp_path, root):
    pytest.importorskip("rapidocr")
    as_picture(tmp_path / "scan.pdf", draw_slide)
    page, chart, photo = PDFLoader(tmp_path / "scan.pdf", image_root=root, ocr=True).figures()
    assert page.kind == "page"
    for figure, box in ((chart, CHART), (photo, PHOTO)):
        shared = area(overlap(figure.box, box))
        assert shared > 0.8 * max(area(figure.box), area(box))
