"""Drawings without a caption are figures if they look like it; those that overlap are one."""

from __future__ import annotations

from dataclasses import replace

from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.uncaptioned import uncaptioned_regions
from mmrerank.loaders.pdf.page import Line

WHOLE = (0.0, 0.0, 612.0, 792.0)


def regions(*drawings, taken=(), **parts):
    page = PageLayout(WHOLE, 10.0, ((72.0, 540.0),), drawings=drawings, **parts)
    return uncaptioned_regions(page, taken, DEFAULT_SETTINGS)


def photograph(*box):
    return Component(box, images=(box,))


CHART = Component((100.0, 100.0, 300.0, 200.0), shapes=5)


def test_a_drawing_is_a_figure_unless_a_caption_has_it():
    assert [region.kind for region in regions(CHART)] == ["vector"]
    assert regions(CHART, taken=[(90.0, 90.0, 310.0, 210.0)]) == []


def test_decoration_and_tables_are_not_figures():
    dot = Component((100, 100, 110, 110), shapes=3)
    lines = Component((100, 300, 300, 400), straight=9, ends=18)
    cells = tuple(Line((100, y, 300, y + 10), "belt 7", 10.0) for y in (310, 330, 350))
    assert regions(dot) == []
    assert len(regions(lines)) == 1
    assert regions(lines, labels=cells) == []


def test_lines_with_common_ends_are_a_table_even_with_empty_cells():
    grid = Component((100, 300, 300, 400), straight=20, ends=9)
    assert regions(grid) == []
    assert len(regions(replace(grid, shapes=1))) == 1
    assert len(regions(replace(grid, straight=100, ends=65))) == 1  # a histogram of outlines


def test_boxes_of_many_colours_are_a_heat_map():
    colours = frozenset((shade / 10, 0.2, 0.5) for shade in range(8))
    cells = tuple(Line((100, y, 300, y + 10), "0.7", 10.0) for y in (310, 330, 350))
    grid = Component((100, 300, 300, 400), straight=20, ends=9, colours=colours)
    assert len(regions(grid, labels=cells)) == 1
    assert regions(replace(grid, colours=frozenset([*colours][:7])), labels=cells) == []


def test_many_lines_of_text_between_few_lines_are_a_table():
    lines = Component((100, 300, 500, 600), straight=8, ends=16)
    cells = tuple(
        Line((x, y, x + 15, y + 8), "off", 8.0) for x in (110, 250) for y in range(310, 590, 40)
    )
    assert len(regions(lines, labels=cells[:10])) == 1
    assert regions(lines, labels=cells) == []


def test_a_bar_of_boxes_is_the_head_of_a_table():
    bar = Component((72, 300, 540, 330), straight=6, ends=12)
    assert regions(bar) == []
    assert regions(bar, panels=((70.0, 295.0, 542.0, 340.0),)) == []


def test_overlapping_drawings_are_one_figure_and_photographs_may_overlap_at_an_edge():
    second = Component((280.0, 100.0, 400.0, 200.0), shapes=5)
    assert len(regions(CHART, second)) == 1
    assert len(regions(photograph(100, 100, 300, 200), photograph(280, 100, 400, 200))) == 2


def test_panels_with_letters_are_one_figure():
    panels = photograph(100, 100, 200, 200), photograph(250, 100, 350, 200)
    letters = tuple(
        Line((x, 180, x + 40, 190), text, 8.0) for x, text in ((110, "(a) A"), (260, "(b) B"))
    )
    assert len(regions(*panels)) == 2
    assert [region.box for region in regions(*panels, labels=letters)] == [(100, 100, 350, 200)]


def test_a_figure_that_fills_its_frame_includes_it():
    frame = (90.0, 90.0, 320.0, 220.0)
    picture = photograph(100.0, 100.0, 310.0, 210.0)
    assert regions(picture, panels=(frame,))[0].box == frame
    huge = (50.0, 50.0, 600.0, 700.0)
    assert regions(picture, panels=(huge,))[0].box == picture.box


def test_charts_of_one_height_side_by_side_are_one_figure_and_others_are_not():
    row = [
        Component((100.0 + 90 * i, 300.0, 170.0 + 90 * i, 400.0), straight=8, ends=16)
        for i in range(4)
    ]
    assert [region.box for region in regions(*row)] == [(97, 297, 443, 403)]
    lower = Component((190.0, 310.0, 260.0, 400.0), straight=8, ends=16)
    wider = Component((190.0, 300.0, 290.0, 400.0), straight=8, ends=16)
    far = Component((205.0, 300.0, 275.0, 400.0), straight=8, ends=16)
    assert [len(regions(row[0], other)) for other in (lower, wider, far)] == [2, 2, 2]
    assert len(regions(photograph(100, 300, 170, 400), photograph(190, 300, 260, 400))) == 2


def test_charts_in_frames_of_their_own_stay_apart():
    row = [
        Component((100.0 + 90 * i, 300.0, 170.0 + 90 * i, 400.0), straight=8, ends=16)
        for i in range(2)
    ]
    panels = tuple((95.0 + 90 * i, 290.0, 175.0 + 90 * i, 420.0) for i in range(2))
    assert len(regions(*row, panels=panels)) == 2


def test_bars_far_apart_in_one_frame_are_a_figure():
    panel = (100.0, 300.0, 300.0, 450.0)
    bars = [Component((120.0 + 60 * i, 330.0 + 20 * i, 135.0 + 60 * i, 440.0), 2) for i in range(3)]
    assert regions(*bars) == []
    assert [region.box for region in regions(*bars, panels=(panel,))] == [panel]
    assert regions(*bars, panels=(panel,), text_boxes=((110, 310, 290, 330),)) == []


def test_logos_in_the_margin_of_a_page_are_no_figures():
    assert regions(Component((72.0, 20.0, 200.0, 70.0), shapes=9)) == []
    assert regions(photograph(72.0, 730.0, 200.0, 780.0)) == []
    assert len(regions(Component((72.0, 20.0, 200.0, 120.0), shapes=9))) == 1


def test_a_table_with_a_few_curves_is_no_figure():
    cells = tuple(Line((100, y, 300, y + 10), "belt 7", 10.0) for y in (310, 330, 350))
    table = Component((100, 300, 300, 400), straight=90, shapes=2)
    drawing = Component((100, 300, 300, 400), straight=90, shapes=20)
    assert regions(table, labels=cells) == []
    assert len(regions(drawing, labels=cells)) == 1
