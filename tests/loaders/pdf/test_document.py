"""A document whose text has been read: figures on demand, and what is said of failures."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from pdf_pages import (
    DATA,
    PDF,
    load,
)

from mmrerank.errors import (
    ImageError,
    InvalidInputError,
    RerankWarning,
)
from mmrerank.loaders.base import Origin
from mmrerank.loaders.pdf import page_reader
from mmrerank.loaders.pdf.document import read_document
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.page import (
    PageFigures,
    PageOptions,
)
from mmrerank.loaders.pdf.processes import InThisProcess, open_pages
from mmrerank.worker import WorkerLostError

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_a_page_that_does_not_exist_is_named(report, root):
    with pytest.raises(InvalidInputError, match="no page 9"):
        load(report, root, pages=[1, 9])


def test_a_damaged_file_is_reported(tmp_path, root):
    data = (DATA / "pdf" / "geotopo.pdf").read_bytes()
    (tmp_path / "cut.pdf").write_bytes(data[: len(data) * 9 // 10])
    with pytest.warns(
        RerankWarning, match=r"cut\.pdf: is damaged; parts of it that cannot be read"
    ):
        PDFLoader(tmp_path / "cut.pdf", image_root=root, pages=[1], workers=0).load()


def test_figures_that_cannot_be_read_are_reported_and_the_text_stays(report, root, monkeypatch):
    original = page_reader.find_regions

    def broken(page, blocks, images, **options):
        if page.number == 1:
            raise RuntimeError("broken stream")
        return original(page, blocks, images, **options)

    monkeypatch.setattr(page_reader, "find_regions", broken)
    with pytest.warns(RerankWarning, match="report.pdf, page 2: its figures"):
        chunks = load(report, root)
    assert {chunk.page for chunk in chunks} == {1, 2, 3}


def test_a_page_that_takes_too_long_loses_its_figures_only(book, root, monkeypatch):
    original = InThisProcess.figures

    def slow(self, number, profile, options, *, retry=False):
        future = original(self, number, profile, options)
        assert retry == (not options.figures)
        if number == 2 and options.figures:
            future = Future()
            future.set_exception(WorkerLostError("took longer than 30 s"))
        return future

    monkeypatch.setattr(InThisProcess, "figures", slow)
    with pytest.warns(RerankWarning, match="page 2: its figures cannot be read.*took longer"):
        chunks = load(book, root, page_images=True)
    assert {chunk.page for chunk in chunks} == {1, 2, 3, 4}
    assert all(chunk.links for chunk in chunks)  # the page itself is drawn


def test_figures_are_looked_for_page_by_page(root, monkeypatch):
    numbers = []
    original = InThisProcess.figures

    def figures(self, number, profile, options, **kwargs):
        numbers.append(number)
        return original(self, number, profile, options, **kwargs)

    monkeypatch.setattr(InThisProcess, "figures", figures)
    loader = PDFLoader(PDF / "geotopo.pdf", image_root=root, pages=range(5, 60), workers=0)
    chunks = loader.lazy_load()
    next(chunks)
    assert len(numbers) < 12
    assert len(set(numbers)) == len(numbers)
    chunks.close()


@pytest.fixture
def document(report):
    pages = open_pages(str(report), None, workers=0, timeout=60)
    yield read_document(pages, Origin("report.pdf"), None, PageOptions())
    pages.close()


def test_a_document_of_its_pages(document):
    assert (document.numbers, document.captions) == ([1, 2, 3], {"figure 1": [2]})
    assert document.sizes[1] == (595.0, 842.0)
    assert [region.label for region in document.regions(2).values()] == ["figure 1"]
    assert list(document.regions(3)) == [(3, 0)]
    assert document.figures(2) is document.figures(2)
    assert document.figures(99) == PageFigures()
    assert not document.is_textless(1)
    assert list(document.numbers_ahead()) == [1, 2, 3]


def test_warnings_name_the_document_and_the_page(document):
    with pytest.warns(RerankWarning, match=r"^report.pdf, page 2: is odd$"):
        document.warn(2, "is odd")
    with pytest.warns(RerankWarning, match=r"^report.pdf: is odd$"):
        document.warn(None, "is odd")


def test_a_full_disk_is_not_a_page_without_figures(report, root, monkeypatch):
    def full(self, number, profile, options, **kwargs):
        future = Future()
        future.set_exception(ImageError("a.png", "cannot be written"))
        return future

    monkeypatch.setattr(InThisProcess, "figures", full)
    with pytest.raises(ImageError):
        load(report, root)
