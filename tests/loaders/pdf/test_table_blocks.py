"""Tables stand in the text where their lines stood; empty columns and rows are left out."""

from __future__ import annotations

from dataclasses import replace

from pdf_pages import block, line

from mmrerank.loaders.pdf.page import Region, TableCell
from mmrerank.loaders.pdf.table_blocks import continued, insert_tables, without_empty
from mmrerank.loaders.pdf.text.lines import make_block
from mmrerank.loaders.table_text import Cell


def table(*lines):
    grid = tuple((TableCell(each.box, lines=(each,)),) for each in lines)
    return Region((60, 90, 300, 200), "table", None, grid, frozenset(each.box for each in lines))


def test_lines_before_and_after_a_table_stay_blocks():
    lines = [line(text, y=72 + 20 * i) for i, text in enumerate(["a", "b", "c", "d"])]
    found = insert_tables([block("first", y=20), make_block(lines)], [table(*lines[1:3])])
    assert [each.text for each in found] == ["first", "a", "| b |\n| --- |\n| c |", "d"]
    assert [each.in_figure for each in found] == [False, False, True, False]


def test_a_table_of_several_blocks_stands_where_the_first_stood():
    first, second = line("a", y=100), line("b", y=120)
    blocks = [make_block([first]), block("beside", y=100, x=400), make_block([second])]
    found = insert_tables(blocks, [table(first, second)])
    assert [each.text for each in found] == ["| a |\n| --- |\n| b |", "beside"]
    assert found[0].lines == (first, second)


def test_pages_without_tables_keep_their_blocks():
    blocks = [block("a"), block("b", y=100)]
    assert insert_tables(blocks, [Region((0, 0, 9, 9), "vector")]) == blocks


def test_empty_columns_and_rows_are_left_out_and_spans_shrink():
    rows = [
        [Cell("Title", columns=4)],
        [Cell(""), Cell("a", columns=2), Cell("b")],
        [Cell("", columns=4)],
        [Cell("", rows=2), Cell("c"), Cell(""), Cell("d", rows=2)],
        [Cell("e", columns=2)],
    ]
    assert without_empty(rows) == (
        (Cell("Title", columns=2),),
        (Cell("a"), Cell("b")),
        (Cell("c"), Cell("d", rows=2)),
        (Cell("e"),),
    )


def test_a_table_without_gaps_stays_as_it_is():
    rows = ((Cell("a"), Cell("b", rows=2)), (Cell("c"),), (Cell("d"), Cell("")))
    assert without_empty(rows) == rows
    assert without_empty([[Cell("")]]) == ()


def test_only_a_table_with_the_same_columns_goes_on():
    (before,) = insert_tables([block("a")], [table(*block("a").lines)])
    (same,) = insert_tables([block("b")], [table(*block("b").lines)])
    assert continued([same], before)[0].rows == (*before.rows, *same.rows)
    assert continued([same], None) == continued([same], block("a")) == [same]
    assert continued([block("text"), same], before)[1] == same
    assert continued([before], before) == [before]  # the page repeats the first row itself
    moved = replace(same, box=(260.0, 90.0, 500.0, 200.0))
    wider = replace(same, rows=((Cell("b"), Cell("c")),))
    assert continued([moved], before) == [moved]
    assert continued([wider], before) == [wider]
