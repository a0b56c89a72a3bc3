"""Lines of text are read in a picture, whichever way it is turned."""

from __future__ import annotations

import importlib
import importlib.util
import io

import PIL.Image
import pytest
from helpers import png
from PIL import ImageDraw

from mmrerank import ImageError, MissingDependencyError
from mmrerank.ocr.engine import has_ocr, read_lines


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_picture_is_read_whichever_way_it_is_turned(angle):
    page = PIL.Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(page)
    for row, text in enumerate(["Bearings of the turbine", "are greased each week", "by hand"]):
        draw.text((60, 80 + 150 * row), text, "black", font_size=56)
    data = io.BytesIO()
    page.rotate(angle, expand=True).save(data, "PNG")
    lines = read_lines(data.getvalue(), "page.png")
    assert [line.text.split()[0] for line in lines] == ["Bearings", "are", "by"]
    tops = [line.box[1] for line in lines]
    assert tops == sorted(tops)
    assert all(0.0 <= part <= 1.0 for line in lines for part in line.box)


def test_a_rule_has_no_lines():
    assert read_lines(png(size=(3000, 1)), "rule.png") == []


def test_what_is_not_an_image_is_named():
    with pytest.raises(ImageError, match=r"bad\.png"):
        read_lines(b"text", "bad.png")


def test_the_engine_is_known_to_be_missing(monkeypatch):
    assert has_ocr()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not has_ocr()


@pytest.mark.parametrize("missing", ["numpy", "rapidocr", "onnxruntime"])
def test_what_is_missing_names_the_extra(missing, monkeypatch):
    from mmrerank.ocr import engine, rapid

    def require(name):
        if name in (missing, "rapidocr"):
            raise ModuleNotFoundError(name="onnxruntime") if missing == "onnxruntime" else MissingDependencyError(missing, "ocr", "reading")  # fmt: skip
        return importlib.import_module(name)

    rapid._engine.cache_clear()
    monkeypatch.setattr(engine, "require", require)
    monkeypatch.setattr(rapid, "require", require)
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[ocr\]") as caught:
        engine.read_lines(png("words"), "a.png")
    assert missing in str(caught.value)
