"""Signatures and stamps on a scan are no figures."""

from __future__ import annotations

import math

import pytest
from pdf_pages import write
from picture_pages import A4, as_picture, draw_chart, photograph

from mmrerank.loaders.pdf.figures.pictured import find_regions_inside
from mmrerank.loaders.pdf.figures.render import ShownPage
from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

BLUE = (0.1, 0.1, 0.6)


def sign(page):
    """A name by hand over a line."""
    points = [(320 + 1.5 * i, 600 + 22 * math.sin(i / 3) * math.cos(i / 17)) for i in range(100)]
    page.draw_polyline(points, color=BLUE, width=1.6)
    page.draw_line((310, 630), (500, 630), width=0.8)


def stamp(page):
    """Two rings."""
    for radius in (34, 42):
        page.draw_circle((150, 600), radius, color=(0.7, 0.1, 0.1), width=1.5)
    page.insert_text((128, 604), "RECEIVED", fontsize=9, color=(0.7, 0.1, 0.1))


def regions_of(tmp_path, *draws):
    def draw(page):
        for row in range(20):
            write(page, 80 + 14 * row, "We confirm that the belts of this hall are in order", 12)
        for one in draws:
            one(page)

    lines = as_picture(tmp_path / "page.pdf", draw, A4)
    with pymupdf.open(tmp_path / "page.pdf") as document:
        shown, whole = ShownPage(document[0]), (0.0, 0.0, *A4)
        return find_regions_inside(shown, whole, scan_blocks(lines, A4), body_size=10.0)


@pytest.mark.parametrize("draws", [(sign,), (stamp,), (sign, stamp)])
def test_signatures_and_stamps_are_no_figures(tmp_path, draws):
    assert regions_of(tmp_path, *draws) == []


def test_a_small_chart_and_a_small_photograph_are_figures(tmp_path):
    def draw(page):
        draw_chart(page, (320, 560, 440, 650))
        page.insert_image((100, 560, 190, 640), stream=photograph())

    assert len(regions_of(tmp_path, draw)) == 2


def test_a_small_painted_drawing_is_a_figure(tmp_path):
    def pie(page):
        page.draw_sector((400, 600), (440, 600), 120, color=BLUE, fill=BLUE)
        page.draw_circle((400, 600), 42, color=BLUE, width=1.5)

    assert len(regions_of(tmp_path, pie)) == 1
