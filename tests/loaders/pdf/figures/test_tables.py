"""Tables get the nearest caption, and replace what looked like a table by its caption alone."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.tables import captions_of, with_tables, without_tables
from mmrerank.loaders.pdf.page import Line, Region, TableCell
from mmrerank.loaders.pdf.table_grids import FoundTable
from mmrerank.loaders.pdf.text.lines import make_block

TABLE = (72.0, 200.0, 400.0, 300.0)
GRID = ((TableCell(TABLE),),)
FOUND = FoundTable(TABLE, GRID)


def caption(text, y, x=72.0):
    return make_block([Line((x, y, x + 200.0, y + 12.0), text, 10.0)])


ABOVE, FIGURE = caption("Table 1. Belts.", 180), caption("Figure 1. A belt.", 305)


def test_the_nearest_caption_of_a_table_is_its_own():
    far = caption("Table 2. Halls.", 330)
    assert captions_of([TABLE], [far, FIGURE, ABOVE], DEFAULT_SETTINGS) == [ABOVE]
    assert captions_of([TABLE, TABLE], [far, ABOVE], DEFAULT_SETTINGS) == [ABOVE, far]


def test_a_caption_far_away_or_beside_a_table_is_not_its_own():
    captions = [caption("Table 1. Belts.", 400), caption("Table 2. Halls.", 180, x=410.0)]
    assert captions_of([TABLE], captions, DEFAULT_SETTINGS) == [None]


def test_a_table_replaces_its_guess_and_the_drawing_in_it():
    guess = Region((72, 196, 420, 320), "table", ABOVE)
    drawing, chart = Region((100, 220, 200, 280), "vector"), Region((72, 500, 300, 600), "vector")
    regions = with_tables([guess, drawing, chart], [FOUND], [ABOVE], DEFAULT_SETTINGS)
    assert regions == [chart, Region(TABLE, "table", ABOVE, GRID)]


def test_no_table_stands_in_a_figure_with_a_caption():
    figure = Region((60, 190, 420, 304), "vector", FIGURE)
    assert with_tables([figure], [FOUND], [FIGURE], DEFAULT_SETTINGS) == [figure]


def test_figures_are_what_is_left_without_tables():
    figure, table = Region(TABLE, "vector"), Region(TABLE, "table")
    assert without_tables([figure, table]) == [figure]
