"""A caption's zone ends where other text begins; what is drawn in it, or written, is its figure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmrerank.loaders.pdf.figures.caption_zones import zone_of_caption
from mmrerank.loaders.pdf.figures.captioned import (
    captioned_regions,
    drawings_of_captions,
)
from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

WHOLE = (0.0, 0.0, 612.0, 792.0)


def block(text, *box):
    return make_block([Line(box, text, 10.0)])


CAPTION = block("Figure 1. A belt.", 72, 400, 300, 412)
TABLE = block("Table 1. Belts.", 72, 400, 300, 412)
ABOVE = block("prose above", 72, 100, 540, 200)
BELOW = block("prose below", 72, 600, 540, 700)
CHART = Component((100.0, 250.0, 300.0, 380.0), shapes=9)


def layout(**parts):
    return PageLayout(WHOLE, 10.0, **{"columns": ((72.0, 540.0),), **parts})


def test_a_zone_reaches_from_the_caption_to_the_next_text_as_wide_as_its_column():
    page = layout(captions=(CAPTION,), body=(ABOVE, BELOW))
    above = zone_of_caption(page, CAPTION, [], DEFAULT_SETTINGS, above=True)
    below = zone_of_caption(page, CAPTION, [], DEFAULT_SETTINGS, above=False)
    assert (above, below) == ((72, 200, 540, 400), (72, 412, 540, 600))


def test_a_zone_ends_at_other_figures_and_at_the_edge_of_the_page():
    page = layout(captions=(CAPTION,))
    taken = [(80.0, 150.0, 280.0, 300.0)]
    assert zone_of_caption(page, CAPTION, taken, DEFAULT_SETTINGS, above=True)[1] == 300
    assert zone_of_caption(page, CAPTION, taken, DEFAULT_SETTINGS, above=False)[3] == 792


def test_captions_side_by_side_share_the_width():
    beside = block("Figure 2. A hall.", 320, 400, 540, 412)
    page = layout(captions=(CAPTION, beside))
    left = zone_of_caption(page, CAPTION, [], DEFAULT_SETTINGS, above=True)
    right = zone_of_caption(page, beside, [], DEFAULT_SETTINGS, above=True)
    assert left[2] == right[0] == 310


def test_a_caption_takes_the_drawings_above_it():
    page = layout(captions=(CAPTION,), drawings=(CHART,), body=(ABOVE,))
    assert drawings_of_captions(page, DEFAULT_SETTINGS) == [(CAPTION, [CHART])]


def test_text_between_a_caption_and_a_drawing_keeps_them_apart():
    between = block("prose between them", 72, 385, 540, 396)
    page = layout(captions=(CAPTION,), drawings=(CHART,), body=(between,))
    assert drawings_of_captions(page, DEFAULT_SETTINGS) == []


@pytest.mark.parametrize(("size", "parts"), [(14.0, 1), (10.0, 2)])
def test_a_heading_between_two_drawings_keeps_them_apart(size, parts):
    """As on a slide, where no column of text ends the zone; a title of usual size is a panel's."""
    upper = Component((100.0, 100.0, 300.0, 200.0), shapes=9)
    between = Line((100.0, 215.0, 280.0, 230.0), "The belts of the older hall", size)
    page = layout(columns=(), captions=(CAPTION,), drawings=(CHART, upper), labels=(between,))
    ((_, drawings),) = drawings_of_captions(page, DEFAULT_SETTINGS)
    assert len(drawings) == parts


def test_captions_above_their_figures_are_recognized_on_their_page():
    captions = tuple(
        block(f"Figure {n}. A belt.", 72, y, 300, y + 12) for n, y in ((1, 80), (2, 320))
    )
    charts = tuple(Component((100.0, y, 300.0, y + 100.0), shapes=9) for y in (100.0, 340.0))
    page = layout(captions=captions, drawings=charts)
    claims = drawings_of_captions(page, DEFAULT_SETTINGS)
    assert claims == [(caption, [chart]) for caption, chart in zip(captions, charts, strict=True)]


def test_tables_without_lines_are_found_only_on_request():
    lines = tuple(Line((80, y, 250, y + 10), "belt 7", 8.0) for y in (420, 432, 444, 456))
    page = layout(captions=(TABLE,), labels=lines)
    assert captioned_regions(page, DEFAULT_SETTINGS, tables=False) == []
    (region,) = captioned_regions(page, DEFAULT_SETTINGS, tables=True)
    assert (region.kind, region.box, region.caption) == ("table", (80, 420, 250, 466), TABLE)


def side_by_side(kind="Figure"):
    return tuple(
        block(f"{kind} {n}. A belt.", x, 400, x + 130, 412) for n, x in ((1, 120), (2, 340))
    )


def test_a_drawing_over_two_captions_side_by_side_is_shared_out():
    charts = Component((80.0, 250.0, 520.0, 390.0), shapes=9)
    captions = side_by_side()
    page = layout(captions=captions, drawings=(charts,))
    found = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert [region.caption for region in found] == list(captions)
    assert [(round(r.box[0]), round(r.box[2])) for r in found] == [(77, 298), (292, 523)]


def test_a_drawing_over_one_of_two_captions_stays_whole():
    chart = Component((80.0, 250.0, 290.0, 390.0), shapes=9)
    page = layout(captions=side_by_side(), drawings=(chart,))
    (found,) = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert (found.label, round(found.box[2])) == ("figure 1", 293)


def test_labels_in_the_next_figure_are_not_taken_for_names_of_rows():
    charts = tuple(Component((x, 250.0, x + 200, 390.0), shapes=9) for x in (80.0, 300.0))
    numbers = tuple(Line((310, y, 330, y + 8), "0.5", 6.0) for y in (260, 290, 320, 350))
    page = layout(captions=side_by_side(), drawings=charts, labels=numbers)
    left, right = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert (round(left.box[2]), round(right.box[0])) == (283, 297)


PANEL = (90.0, 230.0, 310.0, 395.0)


@pytest.mark.parametrize(("frame", "whole"), [(PANEL, True), ((90.0, 150.0, 310.0, 382.0), False)])
def test_a_frame_that_a_caption_is_set_at_is_its_figure(frame, whole):
    """With what else stands in it; a frame that does not hold the drawing is not."""
    other = Component((100.0, 160.0, 300.0, 200.0), shapes=9)
    page = layout(captions=(CAPTION,), drawings=(CHART, other), frames=(frame,), body=(ABOVE,))
    page = replace(page, body=(block("prose between", 72, 205, 540, 225),))
    (region,) = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert (region.box[1] == PANEL[1]) is whole


def test_a_frame_with_two_figures_is_neither():
    captions = (block("Figure 1. A belt.", 72, 240, 300, 249), CAPTION)
    charts = (CHART, Component((100.0, 120.0, 300.0, 230.0), shapes=9))
    frame = (90.0, 100.0, 310.0, 396.0)
    page = layout(captions=captions, drawings=charts, frames=(frame,))
    found = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert len(found) == 2
    assert all(region.box[3] - region.box[1] < 160 for region in found)


def test_a_label_between_two_charts_belongs_to_the_one_that_it_is_nearer_to():
    left = Component((80.0, 250.0, 270.0, 380.0), shapes=9)
    right = Component((310.0, 250.0, 500.0, 380.0), shapes=9)
    captions = (block("Figure 1. A belt.", 90, 400, 260, 412),)
    captions += (block("Figure 2. A hall.", 320, 400, 490, 412),)
    axis = (Line((278, 280, 284, 350), "pressure", 7.0), Line((300, 280, 306, 350), "wear", 7.0))
    page = layout(captions=captions, drawings=(left, right), labels=axis)
    boxes = [region.box for region in captioned_regions(page, DEFAULT_SETTINGS, tables=False)]
    assert 284 <= boxes[0][2] <= boxes[1][0] <= 300


def test_the_next_lines_of_a_caption_do_not_keep_it_from_its_drawing():
    caption = block("Figure 1. A belt over x", 72, 100, 540, 112)
    chart = Component((100.0, 140.0, 300.0, 300.0), shapes=9)
    second = block("2 and the hall.", 72, 108, 200, 122)
    page = layout(captions=(caption,), body=(second,), drawings=(chart,))
    [region] = captioned_regions(page, DEFAULT_SETTINGS, tables=False)
    assert region.caption is caption
    prose = block("prose below", 72, 122, 200, 134)
    page = replace(page, body=(prose,))
    assert captioned_regions(page, DEFAULT_SETTINGS, tables=False) == []
