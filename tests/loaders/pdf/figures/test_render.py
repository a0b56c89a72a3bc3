"""Crops keep to the limits of size, and a preview sees what is not white."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from mmrerank.loaders.pdf.figures.render import PagePreview, ShownPage, rendered
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("numpy")


@pytest.fixture
def page():
    with pymupdf.open() as document:
        yield document.new_page(width=612, height=792)


def size(page, box, dpi):
    with Image.open(io.BytesIO(rendered(ShownPage(page), box, dpi))) as image:
        return image.size


def test_a_crop_has_the_requested_resolution(page):
    assert size(page, (0, 0, 144, 72), 150) == (300, 150)


def test_a_crop_is_neither_too_large_nor_too_small(page):
    across, down = size(page, (0, 0, 612, 792), 600)
    assert across * down <= 1.01 * DEFAULT_SETTINGS.max_crop_pixels
    assert max(size(page, (0, 0, 612, 10), 6000)) <= DEFAULT_SETTINGS.max_crop_side + 1
    assert min(size(page, (0, 0, 100, 4), 72)) >= DEFAULT_SETTINGS.min_crop_side


def test_a_preview_finds_the_part_that_is_not_white(page):
    page.draw_rect((200, 200, 300, 300), fill=(0, 0, 0))
    preview = PagePreview(ShownPage(page), DEFAULT_SETTINGS)
    assert preview.visible((100, 100, 400, 400)) == pytest.approx((200, 200, 300, 300), abs=6)
    assert preview.visible((400, 400, 500, 500)) == (400, 400, 500, 500)


def test_text_is_left_out_of_what_is_visible(page):
    page.draw_rect((200, 200, 300, 300), fill=(0, 0, 0))
    page.draw_rect((320, 200, 390, 210), fill=(0, 0, 0))
    preview = PagePreview(ShownPage(page), DEFAULT_SETTINGS)
    part = preview.visible((100, 100, 400, 400), [(315, 195, 395, 215)])
    assert part[2] == pytest.approx(300, abs=6)


def test_paper_is_plain_and_a_picture_is_not(page):
    assert PagePreview(ShownPage(page), DEFAULT_SETTINGS).is_plain
    for step in range(20):
        page.draw_rect((0, 40 * step, 612, 40 * step + 40), color=None, fill=(step / 20,) * 3)
    assert not PagePreview(ShownPage(page), DEFAULT_SETTINGS).is_plain
