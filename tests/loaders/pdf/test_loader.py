"""PDFs become chunks with the figures that belong to them, and nothing is lost on the way."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from pdf_pages import (
    DAMAGED,
    PDF,
    PROSE,
    load,
    picture,
    write,
)
from PIL import Image

from mmrerank.errors import (
    ImageError,
    InvalidInputError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.text.lines import (
    read_blocks,
)

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


@pytest.mark.slow
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
            running_heads = [line.text for line in read if line.box[3] < 55]
            lost = (wanted - kept).total()
            assert lost in (0, len(letters("".join(running_heads)))), (number, lost, running_heads)


def letters(text):
    return re.sub(r"[\s\u00ad\u2010-]", "", text)


@pytest.mark.slow
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
@pytest.mark.parametrize(
    "name",
    [
        "encryption-nocopy",
        "one-byte-missing",
        pytest.param("slow-image-copy", marks=pytest.mark.slow),
    ],
)
def test_odd_files_load(root, name, capfd):
    assert any(chunk.text for chunk in load(DAMAGED / f"{name}.pdf", root))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_page_of_many_thousand_paths_is_quick(root):
    began = time.perf_counter()
    load(DAMAGED / "slow.pdf", root)
    assert time.perf_counter() - began < 20


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


def test_relative_paths_are_of_the_folder_that_is_current(tmp_path, monkeypatch):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with pymupdf.open() as document:
            page = document.new_page()
            page.insert_text((72, 72), f"This is the report of the {name} folder.")
            page.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
            document.save(tmp_path / name / "report.pdf")
    for name in ("first", "second"):
        monkeypatch.chdir(tmp_path / name)
        (chunk,) = PDFLoader("report.pdf", image_root="images").load()
        assert f"the {name} folder" in chunk.text
        assert (tmp_path / name / "images" / chunk.links[0].figure.ref).is_file()


def test_limits_on_images_and_pages(report, root):
    assert not any(chunk.links for chunk in load(report, root, max_images_per_chunk=0))
    chunks = load(report, root, pages=[3, 1])
    assert {chunk.page for chunk in chunks} == {1, 3}
    assert not any(link.kind == "reference" for chunk in chunks for link in chunk.links)


def test_tables_are_images_on_request(book, root):
    def links(**options):
        chunks = load(book, root, **options)
        return {link.figure.label: link.kind for chunk in chunks for link in chunk.links}

    assert links(pages=[1, 2], chunk_size=400) == {"figure 1": "caption"} | {"figure 1": "caption"}
    found = [
        (chunk.page, link.kind, link.figure.kind, link.figure.label)
        for chunk in load(book, root, tables=True, chunk_size=300)
        for link in chunk.links
    ]
    assert (1, "reference", "table", "table 1") in found
    assert (2, "caption", "table", "table 1") in found


def test_tables_are_found_with_and_without_a_caption(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        for top, caption in ((120, "Table 1: Speeds of the belts."), (400, "")):
            page.insert_text((72, top - 12), caption)
            for row in range(5):
                for column in range(4):
                    box = pymupdf.Rect(72 + 110 * column, top + 24 * row, 182 + 110 * column, 0)
                    box.y1 = box.y0 + 24
                    page.draw_rect(box)
                    page.insert_text((box.x0 + 8, box.y0 + 16), f"{row}.{column} m/s")
        page.insert_textbox((72, 560, 520, 700), "Body text of the page goes on here. " * 20)
        document.save(tmp_path / "tables.pdf")
    loader = PDFLoader(tmp_path / "tables.pdf", image_root=root, tables=True, workers=0)
    first, second = loader.figures()
    assert (first.label, second.label) == ("table 1", "")
    assert [figure.kind for figure in (first, second)] == ["table", "table"]
    assert abs(first.box[1] - 120) < 20
    assert abs(second.box[1] - 400) < 20


def test_small_figures_can_be_left_out(book, root):
    assert not any(chunk.links for chunk in load(book, root, min_size=300.0))


def test_a_page_that_draws_too_much_loses_its_figures_only(book, root):
    with pytest.warns(RerankWarning, match="page 2: its figures .* more than 1 paths"):
        chunks = load(book, root, max_paths=1)
    assert {chunk.page for chunk in chunks} == {1, 2, 3, 4}


def test_an_image_root_that_is_a_file(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="image_root"):
        load(report, tmp_path / "file")


def test_a_full_disk_is_reported_and_leaves_no_half_file(report, root, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match="No space left"):
        load(report, root)
    assert not list(root.iterdir())


def test_the_extra_is_named_where_pymupdf_is_missing(report, root, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymupdf", None)
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[pdf\]"):
        load(report, root)


@pytest.mark.slow
def test_a_script_without_a_main_guard_works(book, root, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from mmrerank import PDFLoader\n"
        f"print(len(PDFLoader({str(book)!r}, image_root={str(root)!r}, workers=2).load()))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 4
    assert not done.stderr


def test_the_warning_about_a_page_points_at_the_callers_line(book, root):
    with pytest.warns(RerankWarning, match="page 2") as issued:
        PDFLoader(book, image_root=root, workers=0, max_paths=1).load()
    assert {warning.filename for warning in issued} == {__file__}
