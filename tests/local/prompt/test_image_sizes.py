"""How large an image is made, and that it is never cut."""

from __future__ import annotations

import pytest
from golden_cases import golden_image, load
from PIL import Image as Pillow

from mmrerank.errors import (
    ImageError,
)
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
