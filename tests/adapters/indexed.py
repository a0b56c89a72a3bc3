"""A small index that the tests of both adapters search."""

from __future__ import annotations

import shutil

import pymupdf
import pytest

from mmrerank.index import Index

QUESTION = "turbine torque"


def draw_pdf(path, *pages, figure=""):
    """A PDF with a page for each text, the first with a drawing that has these words in it."""
    document = pymupdf.open()
    for number, text in enumerate(pages):
        page = document.new_page()
        page.insert_textbox((72, 72, 520, 300), text)
        if figure and number == 0:
            page.draw_rect((72, 320, 472, 500), fill=(0.8, 0.9, 0.8))
            page.draw_line((72, 320), (472, 500))
            page.insert_text((120, 420), figure)
            page.insert_text((72, 530), "Figure 1: What the gauge shows.")
    document.save(path)
    document.close()
    return path


@pytest.fixture(scope="session")
def made_index(tmp_path_factory):
    """The folder of `docs` (a.pdf with a figure that says "turbine torque", b.pdf) and `index`."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "docs").mkdir()
    draw_pdf(folder / "docs/a.pdf", "The hall is old. See Figure 1.", figure=QUESTION)
    draw_pdf(folder / "docs/b.pdf", "A turbine is a machine.", "A torque wrench.", "A cat.")
    with Index(folder / "index", ocr=False) as index:
        index.sync([folder / "docs"])
    return folder


@pytest.fixture
def index_folder(made_index, tmp_path):
    """A copy of the index that a test may change."""
    return shutil.copytree(made_index / "index", tmp_path / "index")


@pytest.fixture
def index(index_folder):
    with Index(index_folder, create=False, ocr=False) as opened:
        yield opened
