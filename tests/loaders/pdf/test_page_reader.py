"""What is read of an open PDF, page by page, and which files cannot be opened."""

from __future__ import annotations

import os

import pytest
from pdf_pages import (
    DAMAGED,
    DATA,
    block,
    load,
    picture,
    texts,
)

from mmrerank.errors import (
    DocumentError,
)
from mmrerank.loaders.pdf import page_reader
from mmrerank.loaders.pdf.page import (
    PageOptions,
    PageText,
    PDFInfo,
    Profile,
)
from mmrerank.loaders.pdf.page_reader import OpenPDF, TextCache

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_a_password_is_required_checked_and_used(root):
    path = DAMAGED / "password.pdf"
    with pytest.raises(DocumentError, match="needs a password"):
        load(path, root)
    with pytest.raises(DocumentError, match="password is wrong"):
        load(path, root, password="wrong")
    assert load(path, root, password="openpassword")[0].text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"<html>no PDF</html>" * 50, "is not a PDF"),
        (b"%PDF-1.7\n1 0 obj\n<<", "cannot be read as a PDF|no pages"),
        (picture(), "cannot be read as a PDF|not a PDF|no pages"),
    ],
)
def test_files_that_are_not_pdfs(tmp_path, root, content, reason, capfd):
    path = tmp_path / "a.pdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError, match=reason) as raised:
        load(path, root)
    assert raised.value.path == os.fspath(path)
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_not_a_pdf(tmp_path, root):
    with pytest.raises(DocumentError, match="is a folder"):
        load(tmp_path, root)


@pytest.fixture(scope="module")
def pdf(report):
    opened = OpenPDF(str(report))
    yield opened
    opened.close()


def test_info_and_text(pdf):
    assert pdf.info() == PDFInfo(3, {}, repaired=False)
    text = pdf.text(3)
    assert (text.number, text.label, text.size) == (3, "", (595.0, 842.0))
    assert texts(text.blocks)[0].startswith("The hall is old.")
    ((box, key),) = text.images
    assert key[:2] == (60, 40)
    assert text.box[2] > box[2]


def test_the_outline_is_by_page(tmp_path):
    with pymupdf.open() as document:
        for _ in range(2):
            document.new_page()
        document.set_toc([[1, "One", 1], [2, "Two", 2], [2, "Three", 2]])
        document.save(tmp_path / "a.pdf")
    pdf = OpenPDF(str(tmp_path / "a.pdf"))
    assert pdf.info().outline == {1: ["One"], 2: ["Two", "Three"]}
    pdf.close()


def test_figures_are_the_same_with_cached_text_and_text_read_again(report, tmp_path):
    options, profile = PageOptions(root=tmp_path, page_images=True), Profile(10.0)
    first, second = OpenPDF(str(report)), OpenPDF(str(report))
    first.text(2)
    figures = first.figures(2, profile, options)
    assert figures == second.figures(2, profile, options)
    assert figures.page_image
    assert [(region.kind, region.label) for region in figures.regions] == [("vector", "figure 1")]
    assert all((tmp_path / crop.ref).is_file() for crop in figures.crops)
    first.close()
    second.close()


def test_options_of_a_page(pdf):
    profile = Profile(10.0)
    assert pdf.figures(3, profile, PageOptions()).crops == []
    assert pdf.figures(3, profile, PageOptions()).page_image is None
    assert pdf.figures(3, profile, PageOptions(figures=False)).regions == []
    assert pdf.figures(3, profile, PageOptions(min_size=150.0)).regions == []
    repeated = frozenset(key for _, key in pdf.text(3).images)
    assert pdf.figures(3, Profile(10.0, repeated), PageOptions()).regions == []


def test_an_image_of_the_page_only_where_it_is_a_scan(pdf, tmp_path):
    options = PageOptions(root=tmp_path, scan_image=True)
    assert pdf.figures(3, Profile(10.0), options).page_image  # a figure is on it
    assert pdf.figures(1, Profile(10.0), options).page_image is None


def test_a_page_that_is_a_figure_is_drawn_once(tmp_path, monkeypatch):
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_image(page.rect, stream=picture(), keep_proportion=False)
        document.save(tmp_path / "scan.pdf")
    drawn = []
    draw = page_reader.rendered
    monkeypatch.setattr(page_reader, "rendered", lambda *args: drawn.append(args) or draw(*args))
    options = PageOptions(root=tmp_path, scan_image=True)
    figures = OpenPDF(str(tmp_path / "scan.pdf")).figures(1, Profile(10.0), options)
    assert figures.crops == [figures.page_image]
    assert len(drawn) == 1


def test_figures_that_cannot_be_read_have_a_problem(pdf, monkeypatch):
    monkeypatch.setattr(page_reader, "find_regions", lambda *args, **options: 1 / 0)
    figures = pdf.figures(2, Profile(10.0), PageOptions())
    assert (figures.regions, figures.problem) == ([], "division by zero")


def test_a_crop_that_cannot_be_drawn_has_a_problem(pdf, tmp_path, monkeypatch):
    monkeypatch.setattr(page_reader, "rendered", lambda *args: 1 / 0)
    (crop,) = pdf.figures(3, Profile(10.0), PageOptions(root=tmp_path)).crops
    assert (crop.ref, crop.problem) == ("", "division by zero")


def test_links_of_the_document_itself_can_be_switched_off(root, monkeypatch):
    calls = []
    monkeypatch.setattr(page_reader, "link_targets", lambda *args: calls.append(1) or [])
    load(DATA / "pdf" / "geotopo.pdf", root, pages=[8], destinations=False)
    assert not calls
    load(DATA / "pdf" / "geotopo.pdf", root, pages=[8])
    assert calls


def test_the_text_cache_keeps_what_there_is_room_for():
    text = PageText(1, "", (600.0, 800.0), [block("word " * 50)], [])
    cache = TextCache(1000)
    cache.add(text)
    cache.add(text)
    assert cache.get(1) == text
    assert cache.get(2) is None
    for number in range(2, 20):
        cache.add(PageText(number, "", (600.0, 800.0), [block("word " * 50)], []))
    assert cache.get(1) == text
    assert cache.get(19) is None


def test_a_cache_without_room_keeps_nothing():
    cache = TextCache(0)
    cache.add(PageText(1, "", (600.0, 800.0), [], []))
    assert cache.get(1) is None


@pytest.mark.parametrize("workers", [0, 1])
def test_a_number_of_pages_that_cannot_be_is_a_typed_error(tmp_path, root, workers):
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        document.new_page()
        content = document.tobytes()
    path = tmp_path / "count.pdf"
    path.write_bytes(content.replace(b"/Count 1", b"/Count 9999999999"))
    with pytest.raises(DocumentError, match=r"count.pdf.*cannot be read as a PDF"):
        load(path, root, workers=workers)
