"""Tables as text, and their pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmrerank.loaders.splitting import Sizes
from mmrerank.loaders.table_text import Cell, table_pieces, table_text


def test_a_table_is_markdown():
    rows = [["part", "speed"], ["belt\n  A", "7|8 m/s"], ["", ""], ["hall"]]
    assert table_text(rows) == (
        "| part | speed |\n| --- | --- |\n| belt A | 7\\|8 m/s |\n| hall |  |"
    )


def test_a_table_with_spans_is_html():
    rows = [[Cell("speeds", columns=2)], [Cell("belt", rows=2), "1 <\n2"], ["3"]]
    assert table_text(rows) == (
        '<table>\n<tr><th colspan="2">speeds</th></tr>\n'
        '<tr><td rowspan="2">belt</td><td>1 &lt;<br>2</td></tr>\n<tr><td>3</td></tr>\n</table>'
    )


def test_tables_without_a_grid():
    assert table_text([]) == table_text([["", " "], [Cell("", 2, 2)]]) == ""
    assert table_text([[Cell(" a  box ", columns=3)]]) == "a box"


def test_a_long_table_is_cut_between_rows_and_keeps_its_header():
    rows = [["n", "square"], *([str(n), str(n * n)] for n in range(100))]
    pieces = list(table_pieces(rows, Sizes(200)))
    assert len(pieces) > 1
    assert all(len(piece) <= 200 for piece in pieces)
    assert all(piece.startswith("| n | square |\n| --- | --- |\n| ") for piece in pieces)


def test_rows_that_a_cell_joins_stay_together():
    rows = [
        ["a", "b"],
        *([Cell(f"{n}", rows=2), "x" * 30] if n % 2 else ["y" * 30] for n in range(1, 9)),
    ]
    for piece in table_pieces(rows, Sizes(150)):
        assert piece.startswith("<table>\n<tr><th>a</th>")
        assert piece.endswith("</table>")
        assert piece.count("rowspan") == piece.count("yyy" * 10)


@given(
    st.lists(st.lists(st.text("ab |\n", max_size=8), max_size=4), max_size=12),
    st.integers(1, 60),
)
def test_no_cell_is_lost_however_a_table_is_cut(rows, limit):
    pieces = "\n".join(table_pieces(rows, Sizes(limit)))
    for letter in "ab":
        assert pieces.count(letter) >= sum(cell.count(letter) for row in rows for cell in row)
