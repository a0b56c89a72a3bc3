"""PDFs become chunks with the figures that belong to them, and nothing is lost on the way."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmrerank.errors import (
    DocumentError,
    ImageError,
    InvalidInputError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.loaders.pdf import page_reader as survey_module
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.packing import chunk_page
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.lines import read_blocks
from mmrerank.loaders.pdf.text.reading_order import in_reading_order
from mmrerank.loaders.splitting import Sizes

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

DATA = Path(__file__).parents[1] / "data"
PDF, DAMAGED = DATA / "pdf", DATA / "pdf-damaged"
PROSE = "Belts of rubber carry the parts from one hall to the next without any noise at all. " * 3


def write(page, y, text, x=72.0, width=468.0, height=70.0):
    left = page.insert_textbox((x, y, x + width, y + height), text, fontsize=10)
    assert left >= 0, "the text does not fit its box"


def draw(page, y, color=(0.2, 0.4, 0.8)):
    for index in range(4):
        page.draw_rect((200 + 30 * index, y + 20 * index, 220 + 30 * index, y + 90), fill=color)
    page.draw_bezier((190, y), (220, y + 60), (260, y), (330, y + 50))


def picture(size=(60, 40), color="red"):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def report(tmp_path):
    """Three pages: a reference ahead, a figure with a caption, a photograph without one."""
    path = tmp_path / "report.pdf"
    with pymupdf.open() as document:
        page = document.new_page()
        write(page, 72, PROSE)
        write(page, 200, "The speed of the belt is drawn in Figure 1 on the next page. " + PROSE)
        page = document.new_page()
        write(page, 72, PROSE)
        draw(page, 200)
        write(page, 300, "Figure 1: Speed of the belt.")
        write(page, 400, PROSE)
        page = document.new_page()
        write(page, 72, "The hall is old. " + PROSE)
        page.insert_image((100, 160, 300, 260), stream=picture())
        write(page, 600, "The end is far. " + PROSE)
        document.save(path)
    return path


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


def load(path, root, **options):
    return PDFLoader(path, image_root=root, **{"workers": 0, **options}).load()


def kinds(chunk):
    return [(link.kind, link.score, link.figure.label, link.figure.page) for link in chunk.links]


def test_links_say_why_a_figure_belongs_to_a_chunk(report, root):
    chunks = load(report, root, chunk_size=300)
    (ahead,) = [chunk for chunk in chunks if "next page" in chunk.text]
    assert (ahead.page, kinds(ahead)) == (1, [("reference", 1.0, "figure 1", 2)])
    (caption,) = [chunk for chunk in chunks if "Figure 1:" in chunk.text]
    assert kinds(caption) == [("caption", 0.9, "figure 1", 2)]
    (hall,) = [chunk for chunk in chunks if "hall is old" in chunk.text]
    assert kinds(hall) == [("column", 0.5, "", 3)]
    assert sum(len(chunk.links) for chunk in chunks) == 3


def test_metadata_and_ids(report, root):
    chunks = load(report, root)
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.page for chunk in chunks] == sorted(chunk.page for chunk in chunks)
    assert {chunk.metadata["source"] for chunk in chunks} == {os.fspath(report)}
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert [chunk.id for chunk in load(report, root)] == [chunk.id for chunk in chunks]
    for chunk in chunks:
        assert ("images" in chunk.metadata) == bool(chunk.links)


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
            write(page, 72, text + PROSE)
            page.insert_image((100, 200, 300, 300), stream=picture())
        document.save(tmp_path / "twice.pdf")
    chunks = load(tmp_path / "twice.pdf", root)
    assert [len(chunk.links) for chunk in chunks] == [1, 1]
    assert chunks[0].links[0].figure.ref == chunks[1].links[0].figure.ref
    (facts,) = root.glob("*.json")
    assert json.loads(facts.read_text())["page"] == 1


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


def test_a_page_of_nothing_but_an_image_is_not_lost(root):
    (chunk,) = load(PDF / "scan-rotated-90.pdf", root, ocr=False)
    assert (chunk.text, kinds(chunk)) == ("", [("page", 0.3, "", 1)])
    assert chunk.links[0].figure.kind == "page"
    with Image.open(root / chunk.links[0].figure.ref) as image:
        assert image.width > image.height


def test_limits_on_images_and_pages(report, root):
    assert not any(chunk.links for chunk in load(report, root, max_images_per_chunk=0))
    chunks = load(report, root, pages=[3, 1])
    assert {chunk.page for chunk in chunks} == {1, 3}
    assert not any(link.kind == "reference" for chunk in chunks for link in chunk.links)


def test_chunks_come_before_all_figures_are_drawn(tmp_path, root):
    with pymupdf.open() as document:
        for index in range(30):
            page = document.new_page()
            write(page, 72, f"Page {index}. " + PROSE)
            page.insert_image((100, 200, 300, 300), stream=picture((60, 40 + index)))
        document.save(tmp_path / "long.pdf")
    chunks = PDFLoader(tmp_path / "long.pdf", image_root=root, workers=0).lazy_load()
    assert next(chunks).page == 1
    assert 0 < len(list(root.glob("*.png"))) < 30
    chunks.close()


def test_the_file_is_closed_when_the_iterator_is_dropped(report, root, monkeypatch):
    opened = []
    original = pymupdf.open
    monkeypatch.setattr(
        pymupdf, "open", lambda *a, **k: opened.append(original(*a, **k)) or opened[-1]
    )
    chunks = PDFLoader(report, image_root=root, workers=0).lazy_load()
    next(chunks)
    assert not opened[0].is_closed
    del chunks
    assert opened[0].is_closed


def test_nothing_is_lost_of_a_textbook(root):
    """Every word, and every figure linked to a chunk; authors' own links in these pages: nine."""
    pages = [3, 8, 9, 12, 13, 14, 22, 23, 30, 31, 40, 49, 50, 55, 56, 57]
    loader = PDFLoader(PDF / "geotopo.pdf", image_root=root, pages=pages)
    chunks = loader.load()
    linked = {link.figure.ref for chunk in chunks for link in chunk.links}
    assert {figure.ref for figure in loader.figures()} == linked
    assert max(len(chunk.text) for chunk in chunks) <= 1000
    with pymupdf.open(PDF / "geotopo.pdf") as document:
        for number in pages:
            read = [line for b in read_blocks(document[number - 1]) for line in b.lines]
            wanted = Counter(letters("".join(line.text for line in read)))
            kept = Counter(letters("".join(c.text for c in chunks if c.page == number)))
            assert not kept - wanted
            # The page number and the running title are left out, and nothing else.
            furniture = [line.text for line in read if line.box[3] < 55]
            lost = (wanted - kept).total()
            assert lost in (0, len(letters("".join(furniture)))), (number, lost, furniture)


def test_references_are_those_that_the_authors_linked(root):
    """(page, figure): read from the link destinations of the document, which are not used."""
    authors = {
        (8, "1.2"), (12, "1.4"), (14, "1.5"), (22, "1.9"), (30, "2.1"), (40, "2.8"), (44, "2.13"),
        (55, "3.8"), (56, "3.10"), (56, "3.11"), (56, "3.12"), (57, "1.5"), (109, "1.6"),
        (109, "1.11"), (109, "1.12"), (109, "1.13"), (109, "2.1"), (109, "2.8"), (109, "3.10"),
    }  # fmt: skip
    pages = sorted({page for page, _ in authors} | {9, 13, 16, 23, 24, 25, 31})
    found = {
        (chunk.page, link.figure.label.removeprefix("figure "))
        for chunk in load(PDF / "geotopo.pdf", root, pages=pages, dpi=20)
        for link in chunk.links
        if link.kind == "reference"
    }
    assert authors <= found


def letters(text):
    return re.sub(r"[\s\u00ad\u2010-]", "", text)


@pytest.mark.parametrize(
    ("name", "count"),
    [("multicolumn", 0), ("cmyk-image", 1), ("inline-image", 1), ("amt-handbook", 2)],
)
def test_real_files(root, name, count):
    chunks = load(PDF / f"{name}.pdf", root)
    assert len({link.figure.ref for chunk in chunks for link in chunk.links}) == count
    for path in root.glob("*.png"):
        with Image.open(path) as image:
            assert len(image.convert("L").getcolors()) > 1


def test_columns_are_read_one_after_the_other(root):
    text = " ".join(chunk.text for chunk in load(PDF / "amt-handbook.pdf", root))
    told = ["pulleys, provided", "Boots Self-Locking Nut", "Figure 7-26.", "the most common ranges",
            "Elastic Stop Nut", "Figure 7-27."]  # fmt: skip
    assert [text.index(words) for words in told] == sorted(text.index(words) for words in told)


@pytest.mark.filterwarnings("ignore:.*is damaged:mmrerank.errors.RerankWarning")
@pytest.mark.parametrize("name", ["encryption-nocopy", "one-byte-missing", "slow-image-copy"])
def test_odd_files_load(root, name, capfd):
    assert any(chunk.text for chunk in load(DAMAGED / f"{name}.pdf", root))
    assert capfd.readouterr() == ("", "")


def test_a_page_of_many_thousand_paths_is_quick(root):
    began = time.perf_counter()
    load(DAMAGED / "slow.pdf", root)
    assert time.perf_counter() - began < 20


def test_a_password_is_asked_for_checked_and_used(root):
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
def test_files_that_are_no_pdf(tmp_path, root, content, reason, capfd):
    path = tmp_path / "a.pdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError, match=reason) as raised:
        load(path, root)
    assert raised.value.path == os.fspath(path)
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_no_pdf(tmp_path, root):
    with pytest.raises(DocumentError, match="is a folder"):
        load(tmp_path, root)


@pytest.mark.parametrize("options", [{"chunk_size": 0}, {"dpi": 0}, {"max_images_per_chunk": -1}])
def test_options_are_checked(report, root, options):
    with pytest.raises(InvalidInputError):
        PDFLoader(report, image_root=root, **options)


def test_a_page_that_does_not_exist_is_named(report, root):
    with pytest.raises(InvalidInputError, match="no page 9"):
        load(report, root, pages=[1, 9])


def test_an_image_root_that_is_a_file(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="image_root"):
        load(report, tmp_path / "file")


def test_a_full_disk_is_told_and_leaves_no_half_file(report, root, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match="No space left"):
        load(report, root)
    assert not list(root.iterdir())


def test_figures_that_cannot_be_read_are_told_and_the_text_stays(report, root, monkeypatch):
    original = survey_module.find_regions

    def broken(page, blocks, images, **options):
        if page.number == 1:
            raise RuntimeError("broken stream")
        return original(page, blocks, images, **options)

    monkeypatch.setattr(survey_module, "find_regions", broken)
    with pytest.warns(RerankWarning, match="report.pdf, page 2: its figures"):
        chunks = load(report, root)
    assert {chunk.page for chunk in chunks} == {1, 2, 3}


def test_a_page_that_cannot_be_read_is_told_and_lost_alone(report, root, monkeypatch):
    original = survey_module.read_blocks

    def broken(page):
        if page.number == 0:
            raise RuntimeError("broken stream")
        return original(page)

    monkeypatch.setattr(survey_module, "read_blocks", broken)
    with pytest.warns(RerankWarning, match="page 1: cannot be read"):
        chunks = load(report, root)
    assert {chunk.page for chunk in chunks} == {2, 3}


@pytest.mark.filterwarnings("ignore::mmrerank.errors.RerankWarning")
def test_a_file_of_which_no_page_can_be_read_is_an_error(report, root, monkeypatch):
    monkeypatch.setattr(survey_module, "read_blocks", lambda page: 1 / 0)
    with pytest.raises(DocumentError, match=", page 1: none of its pages"):
        load(report, root)


def test_the_extra_is_named_where_pymupdf_is_missing(report, root, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymupdf", None)
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[pdf\]"):
        load(report, root)


def block(text, x=72.0, y=72.0, size=10.0, width=200.0):
    box = (x, y, x + width, y + 12.0)
    return Block(box, text, (Line(box, text, size),))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400), max_size=8
    ),
    st.integers(1, 300),
)
def test_chunks_hold_all_text_within_their_size(texts, chunk_size):
    blocks = [block(text.strip()) for text in texts if text.strip()]
    chunks = chunk_page(blocks, Sizes(chunk_size), Headings(10.0).is_heading)
    assert all(0 < len(chunk.text) <= chunk_size for chunk in chunks)
    kept = "".join(chunk.text for chunk in chunks)
    assert "".join(kept.split()) == "".join("".join(b.text for b in blocks).split())
    assert sum(piece.first for chunk in chunks for piece in chunk.pieces) == len(blocks)


def test_a_heading_opens_a_chunk_and_sentences_stay_whole():
    blocks = [block("One is here. Two is there."), block("Heading", size=14.0), block("Text. " * 9)]
    first, second = chunk_page(blocks, Sizes(200), Headings(10.0).is_heading)
    assert (first.text, second.text[:7]) == ("One is here. Two is there.", "Heading")
    assert [c.text for c in chunk_page(blocks[:1], Sizes(15), Headings(10.0).is_heading)] == [
        "One is here.",
        "Two is there.",
    ]


def test_reading_order_of_a_title_over_two_columns():
    title = block("title", width=468.0)
    left = [block(f"left {i}", y=100.0 + 20 * i) for i in range(3)]
    right = [block(f"right {i}", x=330.0, y=100.0 + 20 * i) for i in range(3)]
    mixed = [right[2], left[1], title, right[0], left[0], right[1], left[2]]
    assert [b.text for b in in_reading_order(mixed)] == [b.text for b in [title, *left, *right]]


def test_hyphened_line_ends_are_joined():
    with pymupdf.open() as document:
        page = document.new_page()
        for index, text in enumerate(
            ["the conveyor moves inde-", "pendent parts of Anglo-", "American steel"]
        ):
            page.insert_text((72, 72 + 12 * index), text, fontsize=10)
        (found,) = read_blocks(page)
    assert found.text == "the conveyor moves independent parts of Anglo-American steel"
