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
from mmrerank.ocr import engine, rapid
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


def picture(width=900, height=600, color="white"):
    page = PIL.Image.new("RGB", (width, height), color)
    return page, ImageDraw.Draw(page)


def texts(page):
    data = io.BytesIO()
    page.save(data, "PNG")
    return [line.text for line in read_lines(data.getvalue(), "page.png")]


@pytest.mark.parametrize("color", ["white", (200, 40, 40), (255, 250, 252)])
def test_a_picture_of_one_colour_is_not_searched(color, monkeypatch):
    monkeypatch.setattr(engine, "engine", None)  # using it would raise
    assert texts(picture(color=color)[0]) == []


def test_faint_words_are_read():
    page, draw = picture(600, 200, (200, 200, 200))
    draw.text((30, 60), "Bearings of the turbine", (160, 160, 160), font_size=44)
    assert texts(page) == ["Bearings of the turbine"]


def test_a_picture_without_words_is_searched_and_not_read(monkeypatch):
    read = []
    monkeypatch.setattr(rapid._Turning, "_read", lambda self, crops: read.append(crops))
    left, right = PIL.Image.linear_gradient("L"), PIL.Image.radial_gradient("L")
    sky = PIL.Image.merge("RGB", [left, right, left]).resize((800, 600))
    assert texts(sky) == []
    assert read == []


@pytest.mark.parametrize(("size", "enlarged"), [((60, 40), (240, 160)), ((1136, 167), (2000, 294)), ((600, 368), (1200, 736)), ((760, 740), (760, 740)), ((2000, 20), (2000, 20))])  # fmt: skip
def test_small_pictures_are_enlarged_and_none_beyond_measure(size, enlarged):
    assert engine._enlarged(PIL.Image.new("RGB", size)).size == enlarged


def test_words_in_a_banner_and_in_an_icon_are_read():
    banner, draw = picture(1136, 167)
    draw.text((20, 20), "Ridgeway Repeater Group", "black", font_size=60)
    draw.text((20, 110), "Second quarter", "black", font_size=22)
    assert texts(banner) == ["Ridgeway Repeater Group", "Second quarter"]
    icon, draw = picture(93, 40)
    draw.text((6, 8), "For Sale", "black", font_size=18)
    assert texts(icon) == ["For Sale"]
