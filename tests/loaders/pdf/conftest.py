"""Two documents that several tests read; none of them writes to the files."""

from __future__ import annotations

import pytest
from pdf_pages import PROSE, picture, write


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """Four pages with a running head, page numbers, sections, a figure, a table and a listing."""
    pymupdf = pytest.importorskip("pymupdf")
    path = tmp_path_factory.mktemp("book") / "book.pdf"
    with pymupdf.open() as document:
        for number in range(1, 5):
            page = document.new_page()
            write(page, 20, "Belts and halls", size=8.0)
            page.insert_text((300, 800), f"{number}", fontsize=8)
            write(page, 60, f"{number} Chapter of belts", size=16.0)
            write(page, 100, f"Page {number} speaks of self-locking nuts. " + PROSE * 3)
        page = document[0]
        write(page, 300, "In short", font="hebo")
        write(page, 330, "The table that matters is Table 1, and the drawing is Figure 1. " + PROSE)
        page = document[1]
        page.draw_bezier((100, 250), (150, 340), (200, 250), (300, 330))
        page.draw_line((100, 250), (100, 340))
        write(page, 350, "Figure 1: Speed of the belt.")
        write(page, 420, "Table 1: Prices.")
        for row in range(4):
            for column, text in enumerate(["belt", "7 m", "9.50"]):
                write(page, 445 + 14 * row, text, size=8.0, x=72 + 100.0 * column)
        document.save(path)
    return path


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Three pages: a reference ahead, a figure with a caption, a photograph without one."""
    pymupdf = pytest.importorskip("pymupdf")
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    with pymupdf.open() as document:
        page = document.new_page()
        write(page, 72, PROSE * 3)
        write(
            page, 200, "The speed of the belt is drawn in Figure 1 on the next page. " + PROSE * 3
        )
        page = document.new_page()
        write(page, 72, PROSE * 3)
        for index in range(4):
            box = (200 + 30 * index, 200 + 20 * index, 220 + 30 * index, 290)
            page.draw_rect(box, fill=(0.2, 0.4, 0.8))
        page.draw_bezier((190, 200), (220, 260), (260, 200), (330, 250))
        write(page, 300, "Figure 1: Speed of the belt.")
        write(page, 400, PROSE * 3)
        page = document.new_page()
        write(page, 72, "The hall is old. " + PROSE * 3)
        page.insert_image((100, 160, 300, 260), stream=picture())
        write(page, 600, "The end is far. " + PROSE * 3)
        document.save(path)
    return path
