"""Figures are found where a reader sees them, on pages drawn here and on real ones."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from mmrerank.loaders.boxes import area, overlap, part_inside
from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.paths import read_images
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.text.lines import read_blocks

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

DATA = Path(__file__).parents[3] / "data" / "pdf"
WHOLE = (0.0, 0.0, 612.0, 792.0)
PROSE = "Belts of rubber carry the parts from one hall to the next without any noise at all. " * 4


@pytest.fixture
def page():
    """An empty page of US letter size."""
    with pymupdf.open() as document:
        yield document.new_page(width=612, height=792)


def write(page, box, text=PROSE, size=10.0):
    left = page.insert_textbox(pymupdf.Rect(box), text, fontsize=size)
    assert left >= 0, "the text does not fit its box"


def draw_chart(page, x, y, width=160.0, height=100.0):
    """Axes, bars and a curve, with numbers below and a title at the side."""
    page.draw_line((x, y), (x, y + height))
    page.draw_line((x, y + height), (x + width, y + height))
    for index in range(5):
        left = x + 10 + index * width / 6
        page.draw_rect((left, y + 20 + 10 * index, left + 15, y + height), fill=(0.2, 0.4, 0.8))
        page.insert_text((left + 2, y + height + 10), str(10 * index), fontsize=7)
    page.draw_bezier((x, y), (x + 40, y + 60), (x + 80, y), (x + width, y + 50))
    page.insert_text((x - 8, y + 70), "Speed in m/s", fontsize=7, rotate=90)
    return (x - 15, y, x + width, y + height + 10)


def picture(color="red", size=(60, 40)):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


def regions(page, body_size=10.0):
    images = [box for box, _ in read_images(page, (0.0, 0.0, *page.rect.br))]
    return find_regions(page, read_blocks(page), images, body_size=body_size)


def holds(region, box):
    return part_inside(box, region.box) > 0.98


def test_a_vector_chart_is_found_with_its_labels_and_caption(page):
    write(page, (72, 72, 540, 200))
    chart = draw_chart(page, 200, 220)
    write(page, (72, 345, 540, 370), "Figure 3: Speed of the belt.")
    write(page, (72, 400, 540, 520))
    (region,) = regions(page)
    assert (region.kind, region.label) == ("vector", "figure 3")
    assert region.caption.text == "Figure 3: Speed of the belt."
    assert holds(region, chart)
    assert not any(overlap(region.box, b.box) for b in read_blocks(page) if len(b.text) > 100)


def test_the_caption_stays_outside(page):
    draw_chart(page, 200, 220)
    write(page, (72, 345, 540, 370), "Figure 3: Speed of the belt.")
    (region,) = regions(page)
    assert area(overlap(region.box, region.caption.box)) == 0.0


def test_columns_keep_their_figures_apart(page):
    for x in (54, 317):
        write(page, (x, 72, x + 239, 200))
        write(page, (x, 420, x + 239, 560))
    left, right = draw_chart(page, 100, 230), draw_chart(page, 360, 230)
    write(page, (54, 350, 293, 375), "Figure 1. Left belt.")
    write(page, (317, 350, 556, 375), "Figure 2. Right belt.")
    found = {region.label: region for region in regions(page)}
    assert set(found) == {"figure 1", "figure 2"}
    assert holds(found["figure 1"], left)
    assert holds(found["figure 2"], right)
    assert overlap(found["figure 1"].box, found["figure 2"].box) is None


def test_panels_of_one_caption_are_one_figure(page):
    write(page, (72, 72, 540, 180))
    panels = [draw_chart(page, x, y) for y in (200, 350) for x in (90, 330)]
    write(page, (72, 480, 540, 500), "Figure 4. Four belts.")
    write(page, (72, 520, 540, 620))
    (region,) = regions(page)
    assert all(holds(region, panel) for panel in panels)


def test_a_caption_above_its_figure(page):
    charts = []
    for index, y in enumerate((80, 320, 560)):
        write(page, (72, y, 540, y + 20), f"Figure {index + 1}. A belt.")
        charts.append(draw_chart(page, 200, y + 30))
    found = {region.label: region for region in regions(page)}
    assert [holds(found[f"figure {i + 1}"], chart) for i, chart in enumerate(charts)] == [True] * 3


def test_a_caption_below_the_white_margin_of_a_chart(page):
    chart = draw_chart(page, 200, 100)
    write(page, (72, 330, 540, 350), "Figure 1. A belt, in the wide margins that some tools leave.")
    (region,) = regions(page)
    assert region.label == "figure 1"
    assert holds(region, chart)


def test_a_far_drawing_does_not_take_the_caption_of_a_near_one(page):
    logo = page.draw_bezier((500, 40), (520, 80), (530, 30), (560, 80))
    assert logo
    write(page, (72, 140, 560, 160), "Figure 1. A belt.")
    chart = draw_chart(page, 200, 170)
    (region,) = [region for region in regions(page) if region.label]
    assert holds(region, chart)
    assert region.box[1] > 160


def test_the_title_of_a_panel_is_part_of_the_figure_and_a_heading_is_not(page):
    write(page, (72, 60, 540, 120))
    page.insert_text((72, 150), "2 Speeds", fontsize=14, fontname="hebo")
    for x, title in ((100, "Old belt"), (330, "New belt")):
        page.insert_text((x + 60, 180), title, fontsize=9, fontname="hebo")
        draw_chart(page, x, 200)
    write(page, (72, 330, 540, 350), "Figure 4. Two belts.")
    write(page, (72, 360, 540, 440))
    (region,) = regions(page)
    assert 152 < region.box[1] < 174


def test_a_caption_set_sideways_owns_what_stands_beside_it(page):
    charts = [draw_chart(page, 100, y) for y in (120, 300, 480)]
    page.insert_text((330, 600), "Figure 2. Three belts, on a page that is", fontsize=10, rotate=90)
    page.insert_text((342, 600), "to be turned by the reader.", fontsize=10, rotate=90)
    (region,) = regions(page)
    assert region.label == "figure 2"
    assert all(holds(region, chart) for chart in charts)


def test_a_framed_listing_in_the_size_of_the_text_is_the_figure_of_its_caption(page):
    write(page, (72, 60, 540, 140))
    page.draw_rect((72, 160, 540, 300))
    write(
        page,
        (80, 166, 532, 296),
        ("the belt of the hall runs on and is not stopped, " * 3 + "\n") * 3,
    )
    write(page, (72, 310, 540, 330), "Figure 7. A program.")
    (region,) = regions(page)
    assert (region.kind, region.label) == ("text", "figure 7")
    assert region.box[1] > 150
    assert holds(region, (80, 170, 532, 290))


def test_a_listing_does_not_take_the_figure_of_the_next_caption(page):
    for index in range(6):
        page.insert_text((80, 90 + 12 * index), f"for k in range({index}):", fontsize=8)
    write(page, (72, 170, 540, 190), "Figure 1. A listing.")
    draw_chart(page, 200, 210)
    write(page, (72, 340, 540, 360), "Figure 2. A belt.")
    found = {region.label: region for region in regions(page)}
    assert {label: region.kind for label, region in found.items()} == {
        "figure 1": "text",
        "figure 2": "vector",
    }
    assert found["figure 1"].box[3] < 170 < 205 < found["figure 2"].box[1]


def test_a_raster_image_without_caption(page):
    write(page, (72, 72, 540, 200))
    page.insert_image((100, 250, 300, 380), stream=picture(), keep_proportion=False)
    (region,) = regions(page)
    assert (region.kind, region.label) == ("raster", "")
    assert holds(region, (100, 250, 300, 380))


def test_a_page_that_is_a_scan_is_one_figure(page):
    page.insert_image(page.rect, stream=picture(size=(612, 792)), keep_proportion=False)
    assert [(region.kind, region.box) for region in regions(page)] == [("page", WHOLE)]


def test_a_background_picture_is_not_a_figure(page):
    page.insert_image(page.rect, stream=picture("ivory", (612, 792)), keep_proportion=False)
    write(page, (72, 72, 540, 200))
    assert regions(page) == []


def test_boxed_text_frames_rules_and_tables_are_not_figures(page):
    page.draw_rect((20, 20, 592, 772))
    page.draw_line((72, 60), (540, 60))
    page.draw_rect((66, 66, 546, 150), fill=(0.9, 0.9, 0.9))
    write(page, (72, 72, 540, 150))
    write(page, (72, 180, 540, 200), "Table 1: Belts.")
    for row in range(5):
        page.draw_line((100, 210 + 20 * row), (400, 210 + 20 * row))
        page.insert_text(
            (110, 225 + 20 * row), f"belt {row}      {row * 7} m      steel", fontsize=10
        )
    for column in range(4):
        page.draw_line((100 + 100 * column, 210), (100 + 100 * column, 290))
    assert regions(page) == []


def test_bullets_underlines_and_white_boxes_are_not_figures(page):
    for index in range(8):
        page.insert_image((72, 80 + 30 * index, 80, 88 + 30 * index), stream=picture(size=(8, 8)))
        page.insert_text((90, 88 + 30 * index), "a point of the list that is underlined")
        page.draw_line((90, 90 + 30 * index), (250, 90 + 30 * index))
    page.draw_rect((300, 300, 500, 500), color=None, fill=(1, 1, 1))
    assert regions(page) == []


def test_a_threshold_is_changed_in_one_place(page):
    write(page, (72, 72, 540, 200))
    page.insert_image((100, 250, 300, 380), stream=picture(), keep_proportion=False)
    images = [box for box, _ in read_images(page, WHOLE)]
    settings = FigureSettings(min_side=140.0)
    assert find_regions(page, read_blocks(page), images, body_size=10.0)
    assert not find_regions(page, read_blocks(page), images, body_size=10.0, settings=settings)


def test_repeated_images_are_left_out(tmp_path):
    with pymupdf.open() as document:
        for index in range(4):
            page = document.new_page()
            page.insert_image((400, 20, 500, 60), stream=picture("blue", (100, 40)))
            page.insert_image((100, 200, 300, 400), stream=picture("red", (60, 60 + index)))
        document.save(tmp_path / "logos.pdf")
    loader = PDFLoader(tmp_path / "logos.pdf", image_root=tmp_path / "images", workers=0, ocr=False)
    figures = loader.figures()
    assert [figure.page for figure in figures] == [1, 2, 3, 4]
    assert all(figure.box[1] > 190.0 for figure in figures)


def test_what_a_clip_hides_is_not_part_of_the_figure(page):
    page.draw_bezier((100, 100), (150, 200), (200, 100), (250, 200))
    page.clean_contents()
    (before,) = regions(page)
    xref = page.get_contents()[0]
    content = page.parent.xref_stream(xref)
    wide = b" q 100 592 150 100 re W n 0 0 m 600 700 l S 0 700 m 600 0 l S Q"
    page.parent.update_stream(xref, content + wide)
    (after,) = regions(page.parent.reload_page(page))
    assert area(after.box) < 1.5 * area(before.box)


def test_a_turned_page_is_read_as_it_is_shown(page):
    chart = draw_chart(page, 200, 220)
    page.set_rotation(90)
    (region,) = regions(page)
    shown = tuple(pymupdf.Rect(chart) * page.rotation_matrix)
    assert part_inside(shown, region.box) > 0.95
    assert area(region.box) < 1.5 * area(shown)


@pytest.mark.parametrize(
    ("number", "boxes"),
    [
        (3, {"figure 0.1": (185, 95, 440, 245)}),
        (23, {"figure 1.8": (110, 66, 515, 210), "figure 1.9": (165, 275, 465, 335)}),
        (31, {"figure 2.1": (270, 56, 360, 154), "figure 2.2": (115, 498, 516, 660)}),
        (50, {"figure 3.3": (158, 66, 467, 184), "figure 3.4": (168, 429, 457, 538)}),
        (71, {"figure 4.2": (214, 60, 412, 180), "figure 4.3": (214, 400, 412, 505)}),
    ],
)
def test_figures_of_a_textbook(number, boxes):
    """The boxes were read off the pages by eye: the figure holds them and little more."""
    with pymupdf.open(DATA / "geotopo.pdf") as document:
        found = {region.label: region.box for region in regions(document[number - 1], 10.9)}
    for label, box in boxes.items():
        assert part_inside(box, found[label]) > 0.97
        assert area(found[label]) < 1.25 * area(box)


def test_two_framed_figures_in_narrow_columns():
    with pymupdf.open(DATA / "amt-handbook.pdf") as document:
        found = {region.label: region.box for region in regions(document[0])}
    assert set(found) == {"figure 7-26", "figure 7-27"}
    assert part_inside((72, 532, 309, 694), found["figure 7-26"]) > 0.99
    assert found["figure 7-26"][2] < 320 < found["figure 7-27"][0] + 5


def test_a_map_with_names_on_its_regions_is_a_figure(page):
    """Regions are filled and touch; their names, in the size of body text, are long lines."""
    for row in range(6):
        for column in range(3):
            x, y = 100 + 130 * column, 100 + 56 * row
            corners = [
                (x, y + 5),
                (x + 60, y - 4),
                (x + 130, y + 5),
                (x + 126, y + 62),
                (x, y + 58),
            ]
            page.draw_polyline(corners, fill=(0.6, 0.8, 0.6), color=(0, 0, 0), closePath=True)
            name = f"District {row}{column}, county of the\nnorthern halls and belts"
            page.insert_text((x + 4, y + 16), name, fontsize=10)
    write(page, (72, 480, 540, 700))
    (found,) = regions(page)
    assert found.kind == "vector"
    assert part_inside((100, 100, 486, 436), found.box) > 0.95
