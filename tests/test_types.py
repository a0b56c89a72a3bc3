from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import Content, Image, ImageError, InvalidInputError, PartScore, RerankResult


def test_an_image_has_exactly_one_source(tmp_path):
    with pytest.raises(InvalidInputError, match="exactly one"):
        Image()
    with pytest.raises(InvalidInputError, match="exactly one"):
        Image(path=tmp_path, url="https://example.org/a.png")
    assert Image.from_path("a.png").name == "a.png"
    assert Image.from_url("https://example.org/a.png").name == "https://example.org/a.png"


@pytest.mark.parametrize("bad", ["", None, 3])
def test_a_path_is_a_non_empty_str_or_path(bad):
    with pytest.raises(InvalidInputError):
        Image.from_path(bad)


@pytest.mark.parametrize("bad", ["a.png", "ftp://example.org/a.png", "javascript:1", None])
def test_a_url_is_http(bad):
    with pytest.raises(InvalidInputError):
        Image.from_url(bad)


@given(st.binary(min_size=1))
def test_data_uri_round_trip(data):
    uri = f"data:image/PNG;base64,{base64.b64encode(data).decode()}"
    image = Image.from_data_uri(uri)
    assert (image.data, image.media_type) == (data, "image/png")
    assert base64.b64encode(data).decode() not in repr(image) or len(data) < 6


@pytest.mark.parametrize("bad", ["data:text/html;base64,AAAA", "data:image/png;base64,A*", "x"])
def test_a_broken_data_uri_is_an_image_error(bad):
    with pytest.raises(ImageError):
        Image.from_data_uri(bad)


def test_content_needs_text_or_images():
    with pytest.raises(InvalidInputError, match="neither"):
        Content()
    assert Content(text="").text == ""
    assert Content(text="").is_blank
    assert not Content(images=[Image.from_path("a.png")]).is_blank


def test_images_may_come_from_a_generator():
    image = Image.from_path("a.png")
    assert Content("x", (one for one in [image])).images == (image,)


def test_content_refuses_other_kinds():
    for bad in ({"text": 3}, {"images": "a.png"}, {"images": [b"x"]}, {"text": "", "images": 3}):
        with pytest.raises(InvalidInputError):
            Content(**bad)


def test_from_dict_reads_one_image_or_several():
    content = Content.from_dict({"text": "t", "image": "a.png"})
    assert content == Content("t", [Image.from_path("a.png")])
    several = Content.from_dict({"images": ["https://e.org/b.png", "data:image/png;base64,AAAA"]})
    assert [image.url is not None for image in several.images] == [True, False]
    with pytest.raises(InvalidInputError, match="txt"):
        Content.from_dict({"txt": "typo"})


def test_best_image_is_the_first_of_the_best_and_only_if_it_helped():
    def best(*scores):
        parts = tuple(PartScore("image", score, k) for k, score in enumerate(scores))
        result = RerankResult(index=0, relevance_score=1.0, parts=parts, document=Content(""))
        return result.best_image

    assert best(0.1, 0.7, 0.7) == 1
    assert best(0.0, 0.0) is None
    assert best() is None
