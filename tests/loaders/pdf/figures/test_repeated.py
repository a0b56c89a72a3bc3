"""What most pages draw at the same place is no figure; what only looks alike is one."""

from __future__ import annotations

import pytest
from pdf_pages import block, load

from mmrerank.loaders.pdf.figures.repeated import RepeatedDrawings
from mmrerank.loaders.pdf.page import Region
from mmrerank.loaders.pdf.text.lines import make_block

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

WHOLE = (0.0, 0.0, 612.0, 792.0)
LOGO = (50.0, 30.0, 150.0, 90.0)


def draw_logo(page, x=50.0, step=0.0):
    """A logo in the top left corner; `step` moves one of its lines."""
    page.draw_rect((x, 30, x + 100, 90), fill=(0.1, 0.2, 0.6))
    page.draw_line((x, 60), (x + 60, 70 + step))
    for index in range(5):
        page.draw_bezier((x, 40), (x + 30, 90), (x + 50 + index, 35), (x + 100, 80))


def document(pages, draw):
    document = pymupdf.open()
    for number in range(pages):
        page = document.new_page(width=612, height=792)
        page.insert_text((72, 400), f"The belts of hall {number}", fontsize=10)
        draw(page, number)
    return document


def kept(document, region):
    return RepeatedDrawings(document).without([region], WHOLE)


@pytest.mark.parametrize("pages", [3, 4, 30])
def test_the_same_paths_at_the_same_place_of_most_pages_are_a_logo(pages):
    assert kept(document(pages, lambda page, _: draw_logo(page)), Region(LOGO, "vector")) == []


def test_a_logo_of_every_second_page_is_one_too():
    every_second = document(20, lambda page, number: number % 2 or draw_logo(page))
    assert kept(every_second, Region(LOGO, "vector")) == []


@pytest.mark.parametrize(
    "draw",
    [
        lambda page, number: number > 1 or draw_logo(page),  # on two pages
        lambda page, number: draw_logo(page, x=50.0 + 40 * number),  # at other places
        lambda page, number: draw_logo(page, step=2.0 * number),  # with other paths
    ],
)
def test_what_differs_from_page_to_page_stays(draw):
    assert len(kept(document(8, draw), Region(LOGO, "vector"))) == 1


def test_captioned_large_and_inner_drawings_and_images_stay():
    everywhere = document(8, lambda page, _: draw_logo(page))
    caption = make_block(block("Figure 1: The logo").lines)
    for region in (
        Region(LOGO, "vector", caption),
        Region(LOGO, "raster"),
        Region((50.0, 30.0, 562.0, 90.0), "vector"),
        Region((50.0, 30.0, 150.0, 300.0), "vector"),
    ):
        assert kept(everywhere, region) == [region]


def test_a_page_that_cannot_be_read_repeats_nothing(monkeypatch):
    broken = document(4, lambda page, _: draw_logo(page))
    for number in (0, 1):
        broken.update_stream(broken[number].get_contents()[0], b"q BT (")
    assert len(kept(broken, Region(LOGO, "vector"))) == 1


def test_the_loader_leaves_logos_out(tmp_path):
    path = tmp_path / "logos.pdf"
    document(5, lambda page, _: draw_logo(page)).save(path)
    assert not any(chunk.links for chunk in load(path, tmp_path / "images"))
