"""Copies of a picture are the same; charts that look alike are not."""

from __future__ import annotations

import io

import pytest
from helpers import BARS, bar_chart
from PIL import Image as Pillow

from mmrerank import Image, ImageError
from mmrerank.index.pictures import Picture, describe, same_picture


def saved(picture: Pillow.Image, kind="PNG", **options) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return Image.from_bytes(buffer.getvalue())


def scaled(picture: Pillow.Image, factor: float) -> Pillow.Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))


def described(picture: Pillow.Image, words="", **options) -> Picture:
    return describe(saved(picture, **options), words)


@pytest.mark.parametrize(
    "copy",
    [
        saved(bar_chart(), "JPEG", quality=50),
        saved(bar_chart(), "WEBP", quality=60),
        saved(scaled(bar_chart(), 0.5)),
        saved(scaled(bar_chart(), 1.7), "JPEG", quality=80),
    ],
)
def test_a_copy_is_the_same_picture(copy):
    assert same_picture(described(bar_chart()), describe(copy, ""))


@pytest.mark.parametrize("change", [0.03, 0.1, 0.3])
def test_a_bar_of_another_height_makes_another_chart(change):
    other = bar_chart((*BARS[:2], BARS[2] + change, *BARS[3:]))
    assert not same_picture(described(bar_chart()), described(other))


@pytest.mark.parametrize("margin", [4, 30])
def test_wider_margins_make_no_other_picture(margin):
    wide = Pillow.new("RGB", (640 + margin, 400 + 2 * margin), "white")
    wide.paste(bar_chart(), (margin, margin))
    assert same_picture(described(bar_chart()), described(wide))


def test_the_hash_alone_would_take_them_for_one():
    other = bar_chart((*BARS[:2], BARS[2] + 0.1, *BARS[3:]))
    one, two = (int.from_bytes(described(p).whole[:8], "big") for p in (bar_chart(), other))
    assert (one ^ two).bit_count() <= 3


def test_another_number_in_the_words_makes_another_chart():
    one, two = (described(bar_chart(), f"load of pump {n} in percent") for n in (7, 8))
    assert not same_picture(one, two)


def test_words_that_ocr_reads_a_little_otherwise_do_not():
    text = "load of the pumps in the hall of engine 4 in percent"
    assert same_picture(
        described(bar_chart(), text), described(bar_chart(), text.replace("pumps", "purnps"))
    )
    assert not same_picture(
        described(bar_chart(), text), described(bar_chart(), "quite other words 4")
    )
    assert not same_picture(described(bar_chart(), text), described(bar_chart(), ""))


@pytest.mark.parametrize("color", ["white", "black", "#f0f0f0"])
def test_blank_pictures_are_like_no_other(color):
    blank = described(Pillow.new("RGB", (300, 200), color))
    assert blank == Picture()
    assert not same_picture(blank, blank)


def test_a_stretched_picture_is_another():
    assert not same_picture(described(bar_chart()), described(bar_chart().resize((640, 480))))


def test_damaged_images_are_image_errors():
    with pytest.raises(ImageError):
        describe(Image.from_bytes(b"\x89PNG\r\n\x1a\nno"), "")
