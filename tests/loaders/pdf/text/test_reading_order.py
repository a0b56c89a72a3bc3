"""The order in which blocks are read, and the columns of a page."""

from __future__ import annotations

from pdf_pages import (
    block,
    texts,
)

from mmrerank.loaders.pdf.text.reading_order import in_reading_order, text_columns, with_sideways


def test_reading_order_of_a_title_over_two_columns():
    title = block("title", width=468.0)
    left = [block(f"left {i}", y=100.0 + 20 * i) for i in range(3)]
    right = [block(f"right {i}", x=330.0, y=100.0 + 20 * i) for i in range(3)]
    mixed = [right[2], left[1], title, right[0], left[0], right[1], left[2]]
    assert [b.text for b in in_reading_order(mixed)] == [b.text for b in [title, *left, *right]]


def test_a_narrow_column_is_read_row_by_row():
    numbers = [block(f"{row}", y=100.0 + 20 * row, width=30.0) for row in range(3)]
    words = [block(f"word {row}", x=150.0, y=100.0 + 20 * row, width=300.0) for row in range(3)]
    read = texts(in_reading_order(numbers + words))
    assert read == ["0", "word 0", "1", "word 1", "2", "word 2"]


def test_few_blocks():
    assert in_reading_order([]) == []
    assert texts(in_reading_order([block("one")])) == ["one"]


def test_columns_are_where_lines_of_text_are():
    left = [(72.0, y, 280.0, y + 10.0) for y in range(100, 300, 12)]
    right = [(310.0, y, 520.0, y + 10.0) for y in range(100, 300, 12)]
    title = [(72.0, 50.0, 520.0, 60.0)]
    assert text_columns(title + left + right, 600.0) == [(72.0, 281.0), (310.0, 520.0)]
    assert text_columns([], 600.0) == [(0.0, 600.0)]


def test_sideways_text_comes_last_or_after_its_neighbour():
    ordered = [block(f"left {row}", y=100.0 + 20 * row) for row in range(3)]
    stamp, axis = block("stamp", x=20.0, width=14.0), block("axis", x=80.0, y=114.0, width=10.0)
    assert texts(with_sideways(ordered, [stamp, axis])) == [
        "left 0", "left 1", "axis", "left 2", "stamp",
    ]  # fmt: skip
    assert texts(with_sideways([], [stamp])) == ["stamp"]
