"""The figures inside a page that is one picture."""

from __future__ import annotations

import pytest
from pdf_pages import write
from picture_pages import (
    A4,
    CHART,
    PAPER_CHART,
    PHOTO,
    SLIDE,
    as_picture,
    draw_chart,
    draw_paper,
    draw_slide,
    photograph,
)

from mmrerank.loaders.boxes import area, overlap
from mmrerank.loaders.pdf.figures.pictured import find_regions_inside
from mmrerank.loaders.pdf.figures.render import ShownPage
from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


def iou(box, other):
    shared = area(overlap(box, other))
    return shared / (area(box) + area(other) - shared)


def regions_of(tmp_path, draw, size=SLIDE):
    lines = as_picture(tmp_path / "page.pdf", draw, size)
    with pymupdf.open(tmp_path / "page.pdf") as document:
        shown, whole = ShownPage(document[0]), (0.0, 0.0, *size)
        return find_regions_inside(shown, whole, scan_blocks(lines, size), body_size=10.0)


def test_the_chart_and_the_photograph_of_a_slide(tmp_path):
    chart, photo = regions_of(tmp_path, draw_slide)
    assert (chart.kind, chart.label, photo.kind, photo.label) == ("raster", "", "raster", "")
    assert iou(chart.box, CHART) > 0.85
    assert iou(photo.box, PHOTO) > 0.95


def test_the_chart_of_a_scan_has_its_caption(tmp_path):
    (chart,) = regions_of(tmp_path, draw_paper, A4)
    assert (chart.kind, chart.label) == ("raster", "figure 3")
    assert chart.caption.text == "Figure 3: Parts carried by year"
    assert iou(chart.box, PAPER_CHART) > 0.85


def test_pages_of_any_size_in_points(tmp_path):
    """A scan may count a pixel as a point."""

    def draw(page):
        page.insert_text((300, 400), "A title over the photograph of a hall", fontsize=120)
        page.insert_image((400, 900, 1800, 2000), stream=photograph((600, 470)))

    (photo,) = regions_of(tmp_path, draw, (2480.0, 3508.0))
    assert iou(photo.box, (400, 900, 1800, 2000)) > 0.9


def test_text_alone_has_no_figures(tmp_path):
    def draw(page):
        for row in range(20):
            write(page, 60 + 20 * row, "The belts carry parts from one hall to the next one", 14)

    assert regions_of(tmp_path, draw) == []


def test_a_ruled_table_is_no_figure(tmp_path):
    def draw(page):
        for row in range(9):
            page.draw_line((100, 100 + 40 * row), (700, 100 + 40 * row))
            for column in range(4 if row < 8 else 0):
                write(page, 126 + 40 * row, f"Value {row} {column} km", 20, x=108 + 150 * column)
        for column in range(5):
            page.draw_line((100 + 150 * column, 100), (100 + 150 * column, 420))

    assert regions_of(tmp_path, draw) == []


def test_a_chart_on_a_dark_slide(tmp_path):
    def draw(page):
        page.draw_rect(page.rect, fill=(0.05, 0.08, 0.2), width=0)
        page.insert_text((60, 60), "Light words on a dark ground", fontsize=28, color=(1, 1, 1))
        page.draw_rect((500, 140, 900, 440), fill=(1, 1, 1), width=0)
        draw_chart(page)

    (chart,) = regions_of(tmp_path, draw)
    assert iou(chart.box, (500, 140, 900, 440)) > 0.8


def test_a_photograph_that_fills_the_page_is_the_page(tmp_path):
    def draw(page):
        page.insert_image(page.rect, stream=photograph((480, 270)), keep_proportion=False)

    assert regions_of(tmp_path, draw) == []


def test_the_shadow_of_a_scanner_at_the_edge_is_no_figure(tmp_path):
    def draw(page):
        draw_paper(page)
        page.insert_image((555, 500, 595, 842), stream=photograph((60, 510)), keep_proportion=False)

    (chart,) = regions_of(tmp_path, draw, A4)
    assert chart.label == "figure 3"


def test_a_captioned_diagram_full_of_text_is_a_figure(tmp_path):
    def draw(page):
        for row in range(8):
            write(
                page, 80 + 14 * row, "Belts carry parts from one hall to the next, and so they", 12
            )
        for row in range(6):
            for column in range(3):
                x, y = 80 + 140 * column, 220 + 34 * row
                page.draw_rect((x, y, x + 120, y + 24))
                page.draw_line((x + 120, y + 12), (x + 140, y + 6))
                page.draw_line((x + 60, y + 24), (x + 66, y + 34))
                write(page, y + 16, f"Belt {row}{column} of this hall", 10, x=x + 6)
        write(page, 450, "Figure 3: Which belt goes on to which", 12)
        for row in range(8):
            write(page, 500 + 14 * row, "As Figure 3 shows, belts of the older hall carry more", 12)

    (diagram,) = regions_of(tmp_path, draw, A4)
    assert diagram.label == "figure 3"
    assert iou(diagram.box, (80, 220, 500, 424)) > 0.8


@pytest.mark.parametrize("dark", [False, True])
def test_the_shades_of_a_slide_are_no_figure(tmp_path, dark):
    def draw(page):
        for column in range(0, 960, 4):  # from one colour to another
            share = column / 960
            ground = (0.05 + 0.3 * share, 0.1, 0.3) if dark else (1 - 0.3 * share, 0.95, 0.8)
            page.draw_rect((column, 0, column + 4, 540), color=ground, fill=ground)
        page.insert_text((60, 60), "Words on shaded ground", fontsize=28, color=(dark,) * 3)
        page.insert_image(PHOTO, stream=photograph())
        for bar in range(5):
            x = 560 + 60 * bar
            page.draw_rect((x, 380 - 40 * bar, x + 40, 420), color=None, fill=(0.9, 0.5, 0.1))
        page.draw_line((540, 420), (860, 420), width=2, color=(dark,) * 3)

    chart, photo = regions_of(tmp_path, draw)
    assert iou(chart.box, (540, 220, 860, 420)) > 0.8
    assert iou(photo.box, PHOTO) > 0.9
