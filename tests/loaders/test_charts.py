"""Native charts become their numbers, without losing any."""

from __future__ import annotations

from datetime import date

import pytest

from mmrerank.loaders.charts import chart_text

pytest.importorskip("pptx")
pytest.importorskip("lxml")


def chart(kind, data):
    import pptx
    from pptx.enum.chart import XL_CHART_TYPE

    deck = pptx.Presentation()
    shapes = deck.slides.add_slide(deck.slide_layouts[6]).shapes
    frame = shapes.add_chart(XL_CHART_TYPE[kind], 0, 0, 999999, 999999, data)
    return chart_text(frame.chart.part.blob)


def test_scatter_and_bubble_charts_keep_their_values():
    from pptx.chart.data import BubbleChartData, XyChartData

    points = XyChartData()
    for name, x in (("A", 1.5), ("B", 3)):
        points.add_series(name).add_data_point(x, 2)
    table = "| x | {} |\n| --- | --- |\n| {} | 2 |"
    assert chart("XY_SCATTER", points) == f"{table.format('A', 1.5)}\n\n{table.format('B', 3)}"
    bubbles = BubbleChartData()
    bubbles.add_series("C").add_data_point(1, 2, 9)
    assert chart("BUBBLE", bubbles) == "| x | C | size |\n| --- | --- | --- |\n| 1 | 2 | 9 |"


def test_a_gap_is_an_empty_cell_and_what_follows_is_kept():
    from pptx.chart.data import CategoryChartData

    data = CategoryChartData()
    data.categories = ["q1", "q2", "q3"]
    data.add_series("C", (1, None, 3))
    data.add_series("D", (None, 5, 6))
    text = chart("BAR_CLUSTERED", data)
    assert text.splitlines()[2:] == ["| q1 | 1 |  |", "| q2 |  | 5 |", "| q3 | 3 | 6 |"]


def test_categories_that_are_dates_or_have_levels():
    from pptx.chart.data import CategoryChartData

    data = CategoryChartData()
    data.categories = [date(2020, 1, 1), date(2020, 2, 1)]
    data.add_series("C", (1, 2))
    assert "| 2020-02-01 | 2 |" in chart("LINE", data)
    data = CategoryChartData()
    year = data.add_category("2020")
    for quarter in ("q1", "q2"):
        year.add_sub_category(quarter)
    data.add_series("C", (1, 2))
    assert "| 2020 / q2 | 2 |" in chart("PIE", data)


def test_charts_that_are_not_modelled_or_damaged():
    assert chart_text(b"<a><v>north</v><pt>7</pt></a>") == "north\n7"
    assert chart_text(b"<a>") == chart_text(b"") == ""
