"""How large an image is made, and that it is never cut."""

from __future__ import annotations

import pytest
from golden_cases import golden_image, load
from helpers import png
from PIL import Image as Pillow

from mmrerank.errors import (
    ImageError,
)
from mmrerank.local.prompt.image_sizes import PixelRule, fit_images
from mmrerank.types import Content, Image

IMAGE_MODELS = ["jina-reranker-m0", "qwen3-vl-reranker"]


@pytest.fixture(params=IMAGE_MODELS)
def reader(request, loaded):
    return loaded(request.param)


def picture(tmp_path, width, height, kind="png") -> Image:
    path = tmp_path / f"{width}x{height}.{kind}"
    Pillow.new("RGB", (width, height), "red").save(path)
    return Image.from_path(path)


@pytest.mark.parametrize("size", [(300, 1), (3, 900), (4000, 13)])
def test_an_aspect_ratio_over_200_is_refused(reader, tmp_path, size):
    with pytest.raises(ImageError, match="aspect ratio"):
        reader.score("q", ["text", Content(images=[picture(tmp_path, *size)])])


@pytest.mark.parametrize("model", ["jina-reranker-m0", "qwen3-vl-reranker"])
def test_an_image_is_never_cut(model):
    extra = {"max_query_length": 32} if model == "jina-reranker-m0" else {}
    image = golden_image("4_2000x1500.png")
    with (
        load(model, max_length=300, **extra) as reranker,
        pytest.raises(ImageError, match=r"4_2000x1500\.png.*tokens"),
    ):
        reranker.score("q", ["text", Content(images=[image])])
    with load(model, max_length=300, shrink_images=True, **extra) as reranker:
        (made,), _ = reranker._prompts(Content("q"), [Content(images=[image])])
        assert 4 <= made.images[0].part.tokens < 300
        assert not made.cut
        assert 0 <= reranker.score("q", [Content(images=[image])])[0] <= 1


RULE = PixelRule(factor=28, min_pixels=4 * 28 * 28, max_pixels=100 * 28 * 28)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((56, 84), (56, 84)),  # multiples of 28 within the limits stay
        ((60, 80), (56, 84)),  # others go to the nearest
        ((28, 28), (56, 56)),  # at least 4 tokens
        ((2800, 1400), (392, 196)),  # at most 100
    ],
)
def test_sides_are_multiples_within_the_limits(size, fitted):
    assert RULE.fit("a.png", *size) == fitted


def test_images_share_the_room_when_they_may_shrink():
    images = [Image.from_bytes(png(size=(280, 280)))] * 2
    parts = fit_images(RULE, images, 60, shrink=True)
    assert sum(part.tokens + 2 for part in parts) <= 60
    assert [part.tokens for part in fit_images(RULE, images, 300, shrink=True)] == [100, 100]
    with pytest.raises(ImageError, match="takes 100 tokens and 60 are left"):
        fit_images(RULE, images, 60, shrink=False)
