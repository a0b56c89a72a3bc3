"""A caption's zone ends where other text begins; what is drawn in it, or written, is its figure."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.figures.caption_zones import zone_of_caption
from mmrerank.loaders.pdf.figures.captioned import (
    captioned_regions,
    drawings_of_captions,
    frame_of_caption,
    lines_of_caption,
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


def test_captions_above_their_figures_are_recognized_on_their_page():
    captions = tuple(
        block(f"Figure {n}. A belt.", 72, y, 300, y + 12) for n, y in ((1, 80), (2, 320))
    )
    charts = tuple(Component((100.0, y, 300.0, y + 100.0), shapes=9) for y in (100.0, 340.0))
    page = layout(captions=captions, drawings=charts)
    claims = drawings_of_captions(page, DEFAULT_SETTINGS)
    assert claims == [(caption, [chart]) for caption, chart in zip(captions, charts, strict=True)]


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
