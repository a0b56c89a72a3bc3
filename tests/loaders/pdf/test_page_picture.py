"""A whole page of a PDF as a picture."""

from __future__ import annotations

import io

import pymupdf
import pytest
from PIL import Image as Pillow

from mmrerank.errors import DocumentError
from mmrerank.loaders.pdf.page_picture import page_picture
from mmrerank.loaders.pdf.page_reader import OpenPDF


@pytest.fixture
def pdf(tmp_path):
    """Two pages, the second one turned."""
    document = pymupdf.open()
    document.new_page(width=300, height=600)
    document.new_page(width=300, height=600).set_rotation(90)
    document.save(tmp_path / "a.pdf")
    opened = OpenPDF(str(tmp_path / "a.pdf"))
    yield opened
    opened.close()


@pytest.mark.parametrize(("number", "size"), [(1, (300, 600)), (2, (600, 300))])
def test_a_page_is_drawn_as_it_is_shown(pdf, number, size):
    data, width, height = page_picture(pdf, number, 72)
    assert (width, height) == size
    with Pillow.open(io.BytesIO(data)) as picture:
        assert picture.size == size


@pytest.mark.parametrize("number", [-1, 0, 3, 2**40])
def test_a_page_that_there_is_not_is_an_error(pdf, number):
    with pytest.raises(DocumentError, match="no such page"):
        page_picture(pdf, number, 72)
