"""Tables of PDF pages: their cells, with each word of the page once."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pdf_pages import load

pymupdf = pytest.importorskip("pymupdf")

ROWS = [
    ["Belt", "Speed (m/s)", "Load (kg)", "Hall"],
    ["Alpha", "1.25", "300", "North"],
    ["Beta", "2.50", "450", "South"],
    ["Gamma", "0.75", "1200", "East"],
    ["Delta", "3.10", "90", "West"],
]
MARKDOWN = """\
| Belt | Speed (m/s) | Load (kg) | Hall |
| --- | --- | --- | --- |
| Alpha | 1.25 | 300 | North |
| Beta | 2.50 | 450 | South |
| Gamma | 0.75 | 1200 | East |
| Delta | 3.10 | 90 | West |"""
WIDTH, HEIGHT = 100, 18


def draw_table(page, rows, top=200.0, rules="all"):
    """A table at (80, `top`) with these rules: "all", "booktabs" or "none"."""
    left, right = 80, 80 + WIDTH * len(rows[0])
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            place = (left + 6 + column * WIDTH, top + 13 + number * HEIGHT)
            page.insert_text(place, text, fontsize=10)
    last = len(rows)
    levels = {"all": range(last + 1), "booktabs": (0, 1, last), "none": ()}[rules]
    for level in levels:
        page.draw_line((left, top + level * HEIGHT), (right, top + level * HEIGHT))
    for column in range(len(rows[0]) + 1) if rules == "all" else ():
        x = left + column * WIDTH
        page.draw_line((x, top), (x, top + last * HEIGHT))


def document(*tables, rules="all"):
    """A document with a table on each page, between two paragraphs."""
    made = pymupdf.open()
    for number, rows in enumerate(tables, start=1):
        page = made.new_page()
        prose = "Belts of rubber carry the parts from one hall to the next, without any noise. "
        page.insert_textbox((72, 72, 520, 160), prose * 5 + f"See Table {number}.", fontsize=10)
        page.insert_text(
            (80, 190), f"Table {number}. The speed and the load of all of these belts."
        )
        draw_table(page, rows, rules=rules)
        page.insert_textbox((72, 420, 520, 520), prose * 5, fontsize=10)
    return made


def words(chunks) -> Counter[str]:
    text = " ".join(chunk.text for chunk in chunks)
    return Counter(re.findall(r"[\w.]+", re.sub(r"</?t[a-z]+[^>]*>|<br>", " ", text)))


@pytest.mark.parametrize("rules", ["all", "booktabs", "none"])
def test_cells_are_text_once_and_in_their_place(tmp_path, root, rules):
    document(ROWS, rules=rules).save(tmp_path / "a.pdf")
    without = load(tmp_path / "a.pdf", root)
    (chunk,) = load(tmp_path / "a.pdf", root, tables=True, chunk_size=5000)
    assert words([chunk]) == words(without)
    before, caption, table, after = chunk.text.split("\n\n")
    assert before.endswith("See Table 1.")
    assert caption.startswith("Table 1.")
    assert table == MARKDOWN
    assert after.startswith("Belts of rubber")
    assert ("reference", "table 1") in [(link.kind, link.figure.label) for link in chunk.links]


@pytest.mark.parametrize("shown", [90, 180, 270])
@pytest.mark.parametrize("sideways", [False, True])
def test_tables_of_turned_pages(tmp_path, root, shown, sideways):
    """The page is turned in the file, so that its text is upright again or stands sideways."""
    made = document(ROWS)
    if not sideways:
        turned = pymupdf.open()
        size = (842, 595) if shown != 180 else (595, 842)
        page = turned.new_page(width=size[0], height=size[1])
        page.show_pdf_page(page.rect, made, 0, rotate=shown)
        made = turned
    made[0].set_rotation(shown)
    made.save(tmp_path / "a.pdf")
    chunks = load(tmp_path / "a.pdf", root, tables=True, chunk_size=5000)
    assert MARKDOWN in chunks[0].text
    (figure,) = {link.figure.ref: link.figure for c in chunks for link in c.links}.values()
    page = pymupdf.open(tmp_path / "a.pdf")[0]
    cells = [
        pymupdf.Rect(w[:4]) * page.rotation_matrix
        for w in page.get_text("words")
        if w[4] in "Belt West"
    ]
    assert all(cell in pymupdf.Rect(figure.box) for cell in cells)


def test_a_table_is_cut_between_rows_with_its_first_row_repeated(tmp_path, root):
    document([["No.", "Part"], *([str(i), f"Roller {i}"] for i in range(1, 11))]).save(
        tmp_path / "a.pdf"
    )
    chunks = load(tmp_path / "a.pdf", root, tables=True, chunk_size=100)
    tables = [chunk for chunk in chunks if "Roller" in chunk.text]
    assert len(tables) > 1
    assert all("| No. | Part |" in chunk.text for chunk in tables)
    assert all(len(chunk.text) <= 100 for chunk in chunks)
    assert all(any(link.figure.kind == "table" for link in chunk.links) for chunk in tables)
    for i in range(1, 11):
        assert sum(f"| Roller {i} |" in chunk.text for chunk in tables) == 1


def test_equal_lines_of_neighbouring_rows_stay_in_their_rows(tmp_path, root):
    rows = [["Skill", "Age 3", "Age 4"], *([f"Test {i}", "NA", "NA"] for i in range(8))]
    document(rows).save(tmp_path / "a.pdf")
    text = load(tmp_path / "a.pdf", root, tables=True, chunk_size=5000)[0].text
    assert all(f"| Test {i} | NA | NA |" in text for i in range(8))


cells = st.text(alphabet="abcXYZ019.,-|<>&", min_size=0, max_size=9)


def test_a_table_that_goes_on_begins_with_its_first_row(tmp_path, root):
    made = pymupdf.open()
    for rows in (ROWS[:3], ROWS[3:]):
        draw_table(made.new_page(), rows, top=100)
    made.save(tmp_path / "a.pdf")
    first, second = load(tmp_path / "a.pdf", root, tables=True)
    assert "\n".join([first.text, *second.text.splitlines()[2:]]) == MARKDOWN
    assert second.text.splitlines()[:2] == first.text.splitlines()[:2]


@pytest.mark.slow
@hypothesis_settings(max_examples=12, deadline=None)
@given(
    rows=st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(cells, min_size=width, max_size=width), min_size=2, max_size=9
        )
    ),
    rules=st.sampled_from(["all", "booktabs", "none"]),
)
def test_no_character_is_lost_or_doubled(tmp_path_factory, rows, rules):
    folder = tmp_path_factory.mktemp("tables")
    document(rows, rules=rules).save(folder / "a.pdf")
    counts = []
    for tables in (False, True):
        chunks = load(folder / "a.pdf", folder / "images", tables=tables, chunk_size=9999)
        text = " ".join(chunk.text for chunk in chunks)
        if "<table>" in text:
            text = re.sub(r"</?(?:table|tr|td|th|br)\b[^>]*>", " ", text)
            text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        counts.append(Counter(re.sub(r"[\s|\\-]", "", text)))  # which Markdown adds
    assert counts[0] == counts[1]
