"""Header rows of tables without vertical rules: names that span columns, and shaded rows."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pdf_pages import PROSE, line, load, write

from mmrerank.loaders.pdf.page import TableCell
from mmrerank.loaders.pdf.table_headers import with_spanning_headers

pymupdf = pytest.importorskip("pymupdf")

NAMES = ["Belt", "Speed", "Load", "Slip", "Age"]
ROWS = [
    ["Alpha", "1.25", "300", "0.41", "12"],
    ["Beta", "2.50", "450", "0.52", "15"],
    ["Gamma", "0.75", "1200", "0.11", "9"],
    ["Delta", "3.10", "90", "0.77", "31"],
]
BOTH = [("Indoor", 1, 2), ("Outdoor", 3, 2)]
WIDTH, HEIGHT, LEFT, TOP = 80, 16, 80, 200


def put(page, column, row, text, align="left", span=1, **look):
    """A text in a column, or over several."""
    x, length = LEFT + column * WIDTH, pymupdf.get_text_length(text, "helv", 10)
    start = {"left": 6, "center": (span * WIDTH - length) / 2, "right": WIDTH - 4 - length}[align]
    page.insert_text((x + start, TOP + row * HEIGHT + 12), text, fontsize=10, **look)


def rule(page, first, last, row, inset=0):
    y = TOP + row * HEIGHT
    page.draw_line((LEFT + first * WIDTH + inset, y), (LEFT + last * WIDTH - inset, y))


def table(spans, names=NAMES, rows=ROWS, *, align="left", rules=True, shade=None):
    """A page with a table: names over several columns, names of columns, and rows."""
    made = pymupdf.open()
    page = made.new_page()
    write(page, 72, PROSE * 4)
    heads = 2 if spans else 1
    look = {}
    if shade:
        right, bottom = LEFT + len(names) * WIDTH, TOP + heads * HEIGHT
        page.draw_rect((LEFT, TOP, right, bottom), color=None, fill=shade)
        look = {"color": (1, 1, 1)} if sum(shade) < 1.5 else {}
    for text, column, span in spans:
        put(page, column, 0, text, "center", span, **look)
        if rules and span > 1:
            rule(page, column, column + span, 1, inset=6)
    for number, row in enumerate([names, *rows], start=heads - 1):
        for column, text in enumerate(row):
            put(page, column, number, text, align if column else "left", **look)
        look = {}
    last = heads + len(rows)
    for level in () if shade else (0, heads, last):
        rule(page, 0, len(names), level)
    write(page, 460, PROSE * 4)
    return made


def words(chunks):
    text = re.sub(r"</?t[a-z]+[^>]*>|<br>|[|]|---", " ", " ".join(one.text for one in chunks))
    return Counter(text.split())


def head(made, tmp_path, root):
    """The header rows of the table on a page, without tags but "th"; each word is there once."""
    made.save(tmp_path / "a.pdf")
    chunks = load(tmp_path / "a.pdf", root, tables=True, chunk_size=5000)
    assert words(chunks) == words(load(tmp_path / "a.pdf", root))
    return re.findall(r"<tr>(<th.*)</tr>", chunks[0].text)


DOUBLE = [
    '<th rowspan="2">Belt</th><th colspan="2">Indoor</th><th colspan="2">Outdoor</th>',
    "<th>Speed</th><th>Load</th><th>Slip</th><th>Age</th>",
]


@pytest.mark.parametrize("rules", [True, False])
@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_names_span_the_columns_that_they_stand_over(tmp_path, root, align, rules):
    assert head(table(BOTH, align=align, rules=rules), tmp_path, root) == DOUBLE


def test_one_name_over_all_columns_but_the_first(tmp_path, root):
    spans = [("Measured in the halls", 1, 4)]
    assert head(table(spans, align="center"), tmp_path, root) == [
        '<th rowspan="2">Belt</th><th colspan="4">Measured in the halls</th>', DOUBLE[1]
    ]  # fmt: skip


def test_names_of_single_columns_beside_them(tmp_path, root):
    spans = [("Belt", 0, 1), ("Indoor", 1, 2), ("Total", 3, 1), ("Rank", 4, 1)]
    names = ["", "Speed", "Load", "(kg)", "(no.)"]
    assert head(table(spans, names, align="center"), tmp_path, root) == [
        '<th rowspan="2">Belt</th><th colspan="2">Indoor</th><th>Total</th><th>Rank</th>',
        "<th>Speed</th><th>Load</th><th>(kg)</th><th>(no.)</th>",
    ]


def test_names_of_columns_on_two_lines_span_nothing(tmp_path, root):
    spans = [("Maximum", 1, 1), ("Mean", 2, 1)]
    assert head(table(spans, ["Belt", "speed", "load", "Slip", "Age"], align="center"), tmp_path, root) == []  # fmt: skip


@pytest.mark.parametrize("shade", [(0.1, 0.3, 0.6), (0.85, 0.85, 0.85)])
def test_shaded_rows_without_rules_are_headers(tmp_path, root, shade):
    assert head(table(BOTH, shade=shade), tmp_path, root) == DOUBLE
    assert head(table([], shade=shade), tmp_path, root) == []
    text = load(tmp_path / "a.pdf", root, tables=True, chunk_size=5000)[0].text
    assert "| Belt | Speed | Load | Slip | Age |\n| --- |" in text


def cell(column, row, text):
    x, y = 100.0 * column, 20.0 * row
    lines = (line(text, x=x + 5, y=y, width=6.0 * len(text)),) if text else ()
    return TableCell((x, y, x + 100.0, y + 20.0), lines=lines)


texts = st.sampled_from(["", "", "a", "Speed", "Indoor halls", "1.25"])


@hypothesis_settings(deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), max_size=6)
    ),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600), st.integers(0, 120)), max_size=4),
)
def test_no_line_is_lost_and_every_place_is_covered_once(rows, rules):
    grid = tuple(
        tuple(cell(column, row, text) for column, text in enumerate(cells))
        for row, cells in enumerate(rows)
    )
    boxes = [(min(a, b), y, max(a, b), y + 1) for a, b, y in rules]
    made = with_spanning_headers(grid, boxes)
    lines = [
        Counter(chain.from_iterable(one.lines for row in each for one in row))
        for each in (grid, made)
    ]
    assert lines[0] == lines[1]
    width = len(rows[0]) if rows else 0
    assert sum(one.rows * one.columns for row in made for one in row) == width * len(made)


def test_a_row_above_numbers_is_no_row_of_spanning_names():
    rows = [
        ["", "Number of halls", "", "Share"],
        ["Alpha", "52", "7", "64"],
        ["Beta", "4", "8", "9"],
    ]
    grid = tuple(
        tuple(cell(column, row, text) for column, text in enumerate(cells))
        for row, cells in enumerate(rows)
    )
    assert with_spanning_headers(grid, [(90.0, 15.0, 310.0, 16.0)]) == grid
