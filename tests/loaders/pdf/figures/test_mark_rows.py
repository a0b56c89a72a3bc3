"""Rows of bars show values if their ends vary, numbers stand at them and no words in them."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.mark_rows import MarkRows, are_chart, rows_of
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.page import Line

VALUES = (40.0, 90.0, 65.0, 20.0)


def bars(values=VALUES, start=100.0):
    return [
        (start, 100.0 + 20 * row, start + value, 110.0 + 20 * row)
        for row, value in enumerate(values)
    ]


def words(texts, x=200.0):
    return tuple(
        Line((x, 100.0 + 20 * row, x + 20, 110.0 + 20 * row), text, 8.0)
        for row, text in enumerate(texts)
    )


def is_chart(marks, lines=(), rules=(), dots=False):
    page = MarkRows(tuple(lines), tuple(rules), dots, rows_of(marks))
    return are_chart(page, DEFAULT_SETTINGS)


NUMBERS = words(["40", "90%", "65", "20"])


def test_marks_at_one_height_are_a_row():
    rows = rows_of([*bars(), *bars(start=300.0)])
    assert [len(row) for row in rows] == [2, 2, 2, 2]
    assert rows[0][0][0] == 100.0


def test_bars_of_unequal_length_with_numbers_are_a_chart():
    assert is_chart(bars(), NUMBERS)
    assert not is_chart(bars())
    assert not is_chart(bars(), words(["forty", "ninety", "sixty", "twenty"]))


def test_cells_end_where_others_end():
    assert not is_chart(bars([80.0] * 4), NUMBERS)
    assert not is_chart(bars([80.0, 80.0, 80.0, 200.0]), NUMBERS)


def test_bars_that_start_anywhere_are_no_chart():
    scattered = [(x, y, x + 40 + y / 9, y + 10) for x, y in ((9, 0), (60, 20), (31, 40), (88, 60))]
    assert not is_chart(scattered, NUMBERS)


def test_dots_need_no_common_start():
    dots = [
        (100.0 + value, y, 106.0 + value, y + 6)
        for value, y in zip(VALUES, (102, 122, 142, 162), strict=True)
    ]
    assert is_chart(dots, NUMBERS, dots=True)
    assert not is_chart([(100.0, y, 106.0, y + 6) for y in (102, 122, 142)], NUMBERS, dots=True)


def test_words_in_boxes_mark_cells():
    assert not is_chart(bars(), [*NUMBERS, *words(["name", "street", "town", "land"], x=100.0)])


def test_an_axis_has_numbers_too():
    axis = [Line((100 + 30 * i, 175, 110 + 30 * i, 183), str(25 * i), 7.0) for i in range(4)]
    assert is_chart(bars(), axis)


def test_columns_of_text_beside_bars_are_a_table():
    ends = [words(["40", "90", "65", "20"], 103 + value)[row] for row, value in enumerate(VALUES)]
    one, two, three = (words(["7", "8", "9", "10"], x) for x in (60.0, 20.0, -20.0))
    assert is_chart(bars(), [*ends, *one, *two])
    assert not is_chart(bars(), [*ends, *one, *two, *three])
    rules = [(10.0, 115.0 + 20 * row, 250.0, 115.0 + 20 * row) for row in range(3)]
    assert is_chart(bars(), [*ends, *one], rules)
    assert not is_chart(bars(), [*ends, *one, *two], rules)


def test_columns_of_cells_with_one_ragged_edge_are_no_chart():
    cells = [
        (start + 30.0 * step, y, start + 30.0 * step + 7, y + 60)
        for y in (100.0, 250.0)
        for step in range(12)
        for start in (100.0,)
    ]
    ragged = [(80.0, *cells[0][1:]), *cells[1:12], (90.0, *cells[12][1:]), *cells[13:]]
    numbers = [Line((x, y, x + 6, y + 8), "47", 8.0) for x, y, *_ in cells]
    assert not is_chart(ragged, numbers)
