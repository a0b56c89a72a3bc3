"""Sheets become tables, with their charts and images."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from helpers import image_file, load_file, not_rendered

from mmrerank.errors import DocumentError, RerankWarning
from mmrerank.loaders import xlsx

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("lxml")


def save(path, *rows, **others):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Belts"
    for row in rows:
        sheet.append(row)
    for name, value in others.items():
        sheet[name] = value
    book.create_sheet("Empty")
    book.save(path)
    return path


def test_tables_titles_and_sheets(tmp_path, root):
    rows = [["Speeds"], ["name", None, "speed"], ["a", None, 7.0], [], ["Total"], ["x", "y"]]
    (chunk,) = load_file(save(tmp_path / "a.xlsx", *rows), root)
    assert chunk.section == "Belts"
    assert chunk.text == (
        "Belts\n\nSpeeds\n\n| name | speed |\n| --- | --- |\n| a | 7 |\n\n"
        "Total\n\n| x | y |\n| --- | --- |"
    )


def test_values_are_what_a_person_reads(tmp_path, root):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(
        [0.1 + 0.2, dt.datetime(2024, 2, 3), dt.datetime(2024, 2, 3, 4, 5), True, 0.123]
    )
    book.active["E1"].number_format = "0.0%"
    book.save(path)
    (chunk,) = load_file(path, root)
    assert "| 0.3 | 2024-02-03 | 2024-02-03 04:05:00 | TRUE | 12.3% |" in chunk.text


def test_a_formula_without_a_value_is_told(tmp_path, root):
    path = save(tmp_path / "a.xlsx", ["a", 1], ["b", "=B1*2"])
    with pytest.warns(RerankWarning, match="1 formulas have no saved value"):
        (chunk,) = load_file(path, root)
    assert "| b | =B1*2 |" in chunk.text


def test_images_comments_and_charts_with_saved_values(tmp_path, root):
    pptx = pytest.importorskip("pptx")
    from openpyxl.chart import BarChart
    from openpyxl.comments import Comment
    from openpyxl.drawing.image import Image
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"] = "speed"
    sheet["A1"].comment = Comment("in m/s", "Ann")
    sheet.add_image(Image(io.BytesIO(image_file())), "C3")
    sheet.add_chart(BarChart(), "E3")
    book.save(tmp_path / "plain.xlsx")
    data = CategoryChartData()
    data.categories = ["q1", "q2"]
    data.add_series("A", (None, 2))
    deck = pptx.Presentation()
    shapes = deck.slides.add_slide(deck.slide_layouts[6]).shapes
    chart = shapes.add_chart(XL_CHART_TYPE.LINE, 0, 0, 99999, 99999, data).chart.part.blob
    with (
        zipfile.ZipFile(tmp_path / "plain.xlsx") as old,
        zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, chart if name.endswith("chart1.xml") else old.read(name))
    (chunk,) = load_file(tmp_path / "a.xlsx", root)
    assert "|  | A |\n| --- | --- |\n| q1 |  |\n| q2 | 2 |" in chunk.text
    assert "in m/s" in chunk.text
    assert len(chunk.links) == 1
    assert not_rendered(chunk) == ["chart on sheet Sheet: native, no image"]


def test_large_sheets_are_cut_with_a_warning(tmp_path, root, monkeypatch):
    monkeypatch.setattr(xlsx, "_MAX_CELLS", 30)
    path = save(tmp_path / "a.xlsx", *([n, n] for n in range(50)))
    with pytest.warns(RerankWarning, match="more than 30 cells; the rest is left out"):
        (chunk,) = load_file(path, root)
    assert chunk.text.endswith("| 9 | 9 |")


def test_a_cell_far_away_costs_no_time(tmp_path, root):
    path = save(tmp_path / "a.xlsx", ["near"], XFD900="far")
    assert [chunk.text for chunk in load_file(path, root)] == ["Belts\n\nnear\n\nfar"]


def test_each_chunk_of_a_long_table_has_its_header(tmp_path, root):
    chunks = load_file(
        save(tmp_path / "a.xlsx", ["n", "sq"], *([n, n * n] for n in range(300))), root
    )
    assert len(chunks) > 2
    assert all("| n | sq |\n| --- | --- |\n" in chunk.text for chunk in chunks)


def test_empty_and_damaged_files(tmp_path, root):
    with pytest.warns(RerankWarning, match=r"a\.xlsx: has no text and no images"):
        assert load_file(save(tmp_path / "a.xlsx"), root) == []
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(DocumentError, match=r"b\.xlsx"):
        load_file(tmp_path / "b.xlsx", root)


def test_headers_and_footers_without_their_codes(tmp_path, root):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Belts", "fast"])
    sheet.oddHeader.center.text, sheet.oddHeader.center.size = "Halls & belts", 14
    sheet.oddHeader.center.font, sheet.oddHeader.center.color = "Arial,Bold", "FF0000"
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = "Confidential", "Page &P of &N"
    sheet.evenFooter.left.text = "&D"
    book.create_sheet("Other").append(["x", "y"])
    book.save(tmp_path / "a.xlsx")
    first, second = load_file(tmp_path / "a.xlsx", root)
    assert first.text.endswith("Halls & belts\n\nConfidential Page of")
    assert second.text.startswith("Other")
    assert "Confidential" not in second.text
