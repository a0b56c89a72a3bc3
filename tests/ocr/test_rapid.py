"""Charts and pages whose lines run in several directions."""

from __future__ import annotations

import io

import PIL.Image
import pytest
from PIL import ImageDraw

from mmrerank.ocr import rapid
from mmrerank.ocr.engine import read_lines

ROWS = ["Bearings of the turbine", "are greased each week", "by hand and by pump", "after a test"]


def texts(page):
    data = io.BytesIO()
    page.save(data, "PNG")
    return [line.text for line in read_lines(data.getvalue(), "page.png")]


def chart(angle, tall, wide):
    """A chart with labels that run up (90) or down (270), and others that are upright."""
    page = PIL.Image.new("RGB", (900, 900), "white")
    draw = ImageDraw.Draw(page)
    for column, text in enumerate(tall):
        label = PIL.Image.new("RGB", (420, 50), "white")
        ImageDraw.Draw(label).text((5, 5), text, "black", font_size=32)
        page.paste(label.rotate(angle, expand=True), (40 + 90 * column, 60))
    for row, text in enumerate(wide):
        draw.text((120, 560 + 70 * row), text, "black", font_size=32)
    return page


@pytest.mark.parametrize("angle", [90, 270])
def test_labels_that_run_up_or_down_are_read_with_the_upright_ones(angle):
    words = texts(chart(angle, ROWS, ["Output in tons"]))
    assert set(words) == {*ROWS, "Output in tons"}


def test_a_few_labels_at_the_side_turn_nothing(monkeypatch):
    monkeypatch.setattr(rapid._Turning, "_certainty", None)  # using it would raise
    words = texts(chart(270, ROWS[:1], ROWS))
    assert set(words) >= set(ROWS)


def test_few_lines_are_read_more_than_once(monkeypatch):
    read = []
    plain = rapid._Turning._read

    def counted(self, crops):
        read.append(len(crops))
        return plain(self, crops)

    monkeypatch.setattr(rapid._Turning, "_read", counted)
    page = PIL.Image.new("RGB", (900, 1200), "white")
    draw = ImageDraw.Draw(page)
    for row in range(20):
        draw.text((60, 40 + 55 * row), f"{ROWS[row % 4]} {row}", "black", font_size=32)
    upright = texts(page)
    assert read == [20]
    read.clear()
    assert texts(page.rotate(90, expand=True)) == upright
    assert read == [8, 8, 20]
