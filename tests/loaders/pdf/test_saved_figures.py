"""Figures and what is known of them, saved under the image root."""

from __future__ import annotations

import json
import os
import re

import pytest
from helpers import png
from pdf_pages import (
    PROSE,
    block,
    load,
    picture,
    write,
)
from PIL import Image

from mmrerank.errors import (
    ImageError,
    RerankWarning,
)
from mmrerank.loaders.pdf import page_reader, saved_figures
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.page import (
    Region,
)
from mmrerank.ocr import processes
from mmrerank.ocr.words import loader_facts
from mmrerank.types import Image as ImageFile

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def test_figures_are_files_named_by_their_content(report, root):
    figures = PDFLoader(report, image_root=root).figures()
    assert [(figure.page, figure.kind) for figure in figures] == [(2, "vector"), (3, "raster")]
    for figure in figures:
        assert re.fullmatch(r"[0-9a-f]{32}\.png", figure.ref)
        facts = json.loads((root / figure.ref).with_suffix(".json").read_text("utf-8"))
        assert facts == {
            "source": os.fspath(report),
            "page": figure.page,
            "box": list(figure.box),
            "caption": figure.caption,
            "label": figure.label,
            "kind": figure.kind,
            "words": figure.words,
            "context": "",
        }
    assert len(list(root.iterdir())) == 4


def test_a_file_that_exists_is_not_written_again(report, root):
    (figure, _) = PDFLoader(report, image_root=root).figures()
    (root / figure.ref).write_bytes(b"kept")
    PDFLoader(report, image_root=root).figures()
    assert (root / figure.ref).read_bytes() == b"kept"


def test_equal_pixels_are_one_file_and_keep_the_first_facts(tmp_path, root):
    with pymupdf.open() as document:
        for text in ("First page. ", "Second page. "):
            page = document.new_page()
            write(page, 72, text + PROSE * 3)
            page.insert_image((100, 200, 300, 300), stream=picture())
        document.save(tmp_path / "twice.pdf")
    chunks = load(tmp_path / "twice.pdf", root)
    assert [len(chunk.links) for chunk in chunks] == [1, 1]
    assert chunks[0].links[0].figure.ref == chunks[1].links[0].figure.ref
    (facts,) = root.glob("*.json")
    assert json.loads(facts.read_text())["page"] == 1


def test_documents_that_share_an_image_keep_their_own_captions(tmp_path, root):
    def save(name, caption, pages=1):
        with pymupdf.open() as document:
            for _ in range(pages):
                document.new_page()
            page = document[-1]
            page.insert_text((72, 400), "Text stands here so that the page is more than a figure.")
            page.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
            page.insert_text((100, 260), caption)
            document.save(tmp_path / name)
        (chunk,) = load(tmp_path / name, root)
        return ImageFile.from_path(root / chunk.links[0].figure.ref)

    image = save("a.pdf", "Figure 1: Zebra crossings.")
    assert loader_facts(image)["caption"] == "Figure 1: Zebra crossings."
    assert save("a.pdf", "Figure 1: Giraffes.", pages=2) == image
    assert (loader_facts(image)["caption"], loader_facts(image)["page"]) == (
        "Figure 1: Giraffes.",
        2,
    )
    assert save("b.pdf", "Figure 1: Elephants.") == image
    assert loader_facts(image)["caption"] == ""
    for name, caption in (("a.pdf", "Figure 1: Giraffes."), ("b.pdf", "Figure 1: Elephants.")):
        assert loader_facts(image, str(tmp_path / name))["caption"] == caption


def test_crops_are_bounded(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page(width=3000, height=3000)
        write(page, 72, PROSE)
        page.insert_image((100, 200, 2500, 2300), stream=picture((600, 500)), keep_proportion=False)
        page.insert_image((100, 2500, 2500, 2521), stream=picture((600, 20)), keep_proportion=False)
        document.save(tmp_path / "poster.pdf")
    for figure in PDFLoader(tmp_path / "poster.pdf", image_root=root, dpi=600).figures():
        with Image.open(root / figure.ref) as image:
            assert image.width * image.height <= 1.21e6
            assert min(image.size) >= 16


def test_context_is_saved_with_the_figure(book, root):
    (figure,) = PDFLoader(book, image_root=root, context=True, workers=0).figures()
    assert figure.context.startswith("Page 2 speaks of")
    facts = json.loads((root / figure.ref).with_suffix(".json").read_text("utf-8"))
    assert facts["context"] == figure.context


def test_a_figure_that_cannot_be_drawn_is_left_out_with_a_warning(report, root, monkeypatch):
    monkeypatch.setattr(page_reader, "rendered", lambda *args: 1 / 0)
    with pytest.warns(RerankWarning, match="page [23]: a figure cannot be drawn") as issued:
        chunks = load(report, root)
    assert len(issued) == 2
    assert not any(chunk.links for chunk in chunks)
    assert {chunk.page for chunk in chunks} == {1, 2, 3}


@pytest.mark.parametrize("caption", [None, block("Figure 1: Speed", y=200.0)])
def test_context_is_the_paragraphs_around_a_figure(caption):
    before, after = block("before", y=100.0), block("after", y=300.0)
    blocks = [block("first", y=50.0), before, block("Figure 1: Speed", y=200.0), after]
    blocks = blocks if caption else [*blocks[:2], after, block("last", y=350.0)]
    region = Region((72.0, 120.0, 300.0, 190.0), "vector", caption)
    assert saved_figures._context(region, blocks) == "before\n\nafter"
    assert saved_figures._context(region, []) == ""


@pytest.mark.slow
def test_scans_are_read_at_the_same_time(tmp_path, monkeypatch):
    words = ["turbine", "bearing", "grease", "valve"]
    document = pymupdf.open()
    for word in words:
        page = document.new_page(width=300, height=200)
        page.insert_image(page.rect, stream=png(f"{word} of the pump"))
    document.save(tmp_path / "scans.pdf")
    monkeypatch.setenv("MMRERANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", None)  # nothing is read in this process
    chunks = PDFLoader(tmp_path / "scans.pdf", image_root=tmp_path / "root", ocr=True).load()
    processes.spare_workers.stop()
    assert [chunk.text for chunk in chunks] == [f"{word} of the pump" for word in words]


def test_an_image_that_ocr_cannot_read_costs_its_own_words(tmp_path, monkeypatch):
    document = pymupdf.open()
    document.new_page().insert_image((50, 50, 350, 250), stream=png("turbine"))
    document.save(tmp_path / "scan.pdf")

    def fail(data, name):
        raise ImageError(name, "its words cannot be read: OCR ended its process")

    monkeypatch.setenv("MMRERANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", fail)
    with pytest.warns(RerankWarning, match=r"scan\.pdf, page 1: the words in an image are left"):
        (chunk,) = PDFLoader(tmp_path / "scan.pdf", image_root=tmp_path / "root", ocr=True).load()
    assert chunk.links
