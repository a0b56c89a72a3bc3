"""Listings, boxed text and text between rules are figures where a caption says so."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_figures import frame_of_caption, lines_of_caption
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block, read_blocks

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

WHOLE = (0.0, 0.0, 612.0, 792.0)
CAPTION = make_block([Line((72, 400, 300, 412), "Figure 1. A belt.", 10.0)])
PROSE = "Belts of rubber carry the parts from one hall to the next without any noise at all. "
CODE = [
    "while belt.is_running and not hall.is_closed:",
    "    part = belt.take(timeout=seconds)",
    "    if part is None: continue",
    "    crane.lift(part, to=hall.next)",
    "    log.write(part.number, hall)",
    "return belt.count_of_parts_moved",
]


def layout(**parts):
    return PageLayout(WHOLE, 10.0, **{"columns": ((72.0, 540.0),), **parts})


def test_lines_up_to_the_next_gap_are_a_listing():
    lines = tuple(Line((80, y, 250, y + 10), "x = 1", 8.0) for y in (200, 360, 372, 384))
    page = layout(captions=(CAPTION,), labels=lines)
    box = lines_of_caption(page, CAPTION, [], DEFAULT_SETTINGS, above_first=True)
    assert box == (80, 360, 250, 394)


def test_a_heading_ends_a_listing():
    heading = Line((80, 384, 250, 394), "2 Belts", 14.0)
    lines = (*(Line((80, y, 250, y + 10), "x = 1", 8.0) for y in (360, 372)), heading)
    page = layout(captions=(CAPTION,), labels=lines)
    assert lines_of_caption(page, CAPTION, [], DEFAULT_SETTINGS, above_first=True) is None


@pytest.mark.parametrize(("y", "near"), [(320.0, True), (200.0, False)])
def test_only_a_near_frame_belongs_to_a_caption(y, near):
    frame = (72.0, y, 540.0, y + 70.0)
    page = layout(captions=(CAPTION,), frames=(frame,))
    assert frame_of_caption(page, CAPTION, [], DEFAULT_SETTINGS) == (frame if near else None)
    assert frame_of_caption(page, CAPTION, [frame], DEFAULT_SETTINGS) is None


def test_a_frame_brings_its_title_bar_and_the_frames_stacked_on_it():
    frame, over = (72.0, 320.0, 540.0, 390.0), (72.0, 240.0, 540.0, 312.0)
    bar, narrow = Component((72.0, 220.0, 540.0, 240.0), straight=1), (90.0, 150.0, 500.0, 215.0)
    page = layout(captions=(CAPTION,), frames=(narrow, over, frame), drawings=(bar,))
    box = frame_of_caption(page, CAPTION, [], DEFAULT_SETTINGS)
    assert box == (72.0, 220.0, 540.0, 390.0)
    assert frame_of_caption(page, CAPTION, [over], DEFAULT_SETTINGS) == frame


@pytest.fixture
def page():
    with pymupdf.open() as document:
        yield document.new_page(width=612, height=792)


def prose(page, y):
    assert page.insert_textbox((72, y, 540, y + 120), PROSE * 5, fontsize=10, align=3) >= 0


def code(page, y, lines=CODE):
    for index, line in enumerate(lines):
        page.insert_text((80, y + 14 * index), line, fontsize=10)


def regions(page):
    return find_regions(page, read_blocks(page), [], body_size=10.0)


def the_box(page):
    (region,) = regions(page)
    assert region.kind == "text"
    return tuple(round(value) for value in region.box)


@pytest.mark.parametrize("caption", ["Box 2: How belts are tested", "Figure 2: The prompt"])
@pytest.mark.parametrize("fill", [None, (0.9, 0.9, 1.0)])
def test_boxed_text_with_its_caption_inside_is_a_figure(page, caption, fill):
    page.draw_rect((72, 250, 540, 420), fill=fill, width=1)
    page.insert_text((80, 270), caption, fontsize=11)
    assert page.insert_textbox((80, 285, 530, 410), PROSE * 4, fontsize=10) >= 0
    prose(page, 72), prose(page, 460)
    assert the_box(page) == (72, 250, 540, 420)


@pytest.mark.parametrize("above", [True, False])
def test_text_between_two_rules_at_a_caption_is_a_figure(page, above):
    prose(page, 72), prose(page, 460)
    page.draw_line((72, 250), (540, 250)), page.draw_line((72, 350), (540, 350))
    page.insert_text((72, 243 if above else 362), "Listing 3: The belts of a hall.", fontsize=9)
    code(page, 265)
    assert the_box(page) == (72, 250, 540, 350)


def test_code_at_the_top_of_a_page_belongs_to_the_caption_under_it(page):
    code(page, 80)
    page.insert_text((72, 180), "Figure 4: The belts of a hall, as the log shows.", fontsize=9)
    prose(page, 220), prose(page, 340), prose(page, 460)
    assert the_box(page)[1] < 80 < the_box(page)[3] < 175


def test_paragraphs_over_a_caption_are_not_its_figure(page):
    prose(page, 72)
    page.insert_text((72, 150), "Figure 4: The belts of a hall, which the text shows.", fontsize=9)
    prose(page, 170), prose(page, 290)
    assert regions(page) == []


def test_two_captions_in_a_frame_do_not_make_it_a_figure(page):
    page.draw_rect((60, 60, 550, 700), width=1)
    for y in (80, 400):
        page.insert_text((72, y), f"Box {y}: How belts are tested", fontsize=11)
        prose(page, y + 20)
    assert regions(page) == []


def test_a_rule_over_the_next_caption_bounds_no_text_of_this_one(page):
    """Each caption stands under its listing and a rule: the second listing is not the first's."""
    prose(page, 72), prose(page, 640)
    code(page, 200)
    for y, number in ((300, 3), (500, 4)):
        page.draw_line((72, y), (540, y))
        page.insert_text((72, y + 12), f"Figure {number}. The belts of a hall.", fontsize=9)
    code(page, 360)
    boxes = [region.box for region in regions(page) if region.label == "figure 3"]
    assert all(box[3] <= 312 for box in boxes)
