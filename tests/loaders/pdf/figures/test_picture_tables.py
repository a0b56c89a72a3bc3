"""Tables in a picture, told from charts."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.paths import DrawnPath, PageDrawing
from mmrerank.loaders.pdf.figures.picture_tables import holds_photograph, is_table_in_picture
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING

BOX = (100.0, 100.0, 400.0, 300.0)


def cells(rows, columns, height=18.0):
    return [
        (110.0 + 95 * column, 105.0 + 24 * row, 190.0 + 95 * column, 105.0 + 24 * row + height)
        for row in range(rows)
        for column in range(columns)
    ]


def bar(box):
    return DrawnPath(box, straight=True, frames=False, marks=(box,), outline=True)


def is_table(lines, *paths, images=()):
    return is_table_in_picture(BOX, lines, PageDrawing(images, paths), DEFAULT_TRACING)


def test_rows_and_columns_of_text_are_a_table():
    assert is_table(cells(8, 3))
    assert is_table(cells(8, 3), bar((100.0, 100.0, 400.0, 125.0)))  # its tinted head


def test_axes_are_not():
    axis = [(100.0, 105.0 + 30 * row, 130.0, 117.0 + 30 * row) for row in range(6)]
    assert not is_table([*axis, *cells(1, 3)])
    assert not is_table(cells(2, 3))
    assert not is_table(cells(8, 3, height=4.0))


def test_bars_between_their_names_and_values_are_not():
    lines = [cell for cell in cells(8, 3) if not 200 < cell[0] < 250]
    lines = [*lines, *cells(8, 1)]
    bars = [bar((200.0, 107.0 + 24 * row, 290.0, 121.0 + 24 * row)) for row in range(8)]
    assert is_table(lines)
    assert not is_table(lines, *bars)


def test_photographs_with_words_are_not():
    picture = (150.0, 120.0, 350.0, 280.0)
    assert not is_table(cells(8, 3), images=(picture,))
    assert holds_photograph(BOX, PageDrawing((picture,)), DEFAULT_TRACING)
    assert not holds_photograph(BOX, PageDrawing(((0.0, 0.0, 90.0, 90.0),)), DEFAULT_TRACING)


def test_large_curves_between_words_are_not():
    def curve(x, side):
        return DrawnPath((x, 150.0, x + side, 150.0 + side), straight=False, frames=False)

    unread_letters = [curve(x, 9.0) for x in (120.0, 200.0, 280.0)]
    circles = [curve(x, 60.0) for x in (120.0, 200.0, 280.0)]
    assert is_table(cells(8, 3), *unread_letters)
    assert not is_table(cells(8, 3), *circles)
