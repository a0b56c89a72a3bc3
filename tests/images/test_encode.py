"""Images are brought to the bytes and pixels that are allowed, the same way each time."""

from __future__ import annotations

import io

import pytest
from helpers import DATA, png
from PIL import Image as Pillow

from mmrerank.errors import ImageError
from mmrerank.images.decode import open_image
from mmrerank.images.encode import encode_image, encode_within, thumbnail
from mmrerank.types import Image


def noise(width, height):
    data = io.BytesIO()
    Pillow.effect_noise((width, height), 90).save(data, "PNG")
    return Image.from_bytes(data.getvalue())


@pytest.mark.parametrize("limit", [400_000, 50_000, 5_000])
def test_bytes_are_within_the_limit(limit):
    image = noise(900, 700)
    encoded = encode_within(image, 10**6, limit)
    assert len(encoded.data) <= limit
    assert encode_within(image, 10**6, limit) == encoded
    with Pillow.open(io.BytesIO(encoded.data)) as picture:
        assert picture.width / picture.height == pytest.approx(9 / 7, rel=0.05)


def test_what_cannot_be_so_small_is_told():
    with pytest.raises(ImageError, match="does not fit 100 bytes"):
        encode_within(noise(300, 300), 10**6, 100)


@pytest.mark.parametrize("size", [(900, 300), (40, 30), (3000, 20)])
def test_thumbnails_fit_their_square_and_are_not_enlarged(size):
    with Pillow.open(io.BytesIO(thumbnail(noise(*size), 128).data)) as small:
        assert max(small.size) <= min(128, max(size))


def test_encoding_passes_small_images_on_and_shrinks_large_ones():
    data = png("words")
    assert encode_image(Image.from_bytes(data), 1_000_000).data == data
    shrunk = encode_image(Image.from_bytes(data), 10_000)
    assert shrunk.media_type in ("image/png", "image/jpeg")
    picture = open_image(Image.from_bytes(shrunk.data))
    assert picture.width * picture.height <= 10_000
    cmyk = encode_image(Image.from_path(DATA / "images" / "pil_sample_cmyk.jpg"), 1_000_000)
    assert open_image(Image.from_bytes(cmyk.data)).mode == "RGB"


@pytest.mark.parametrize("encode", [lambda image: encode_image(image, 10**6), lambda image: encode_within(image, 10**6, 10**6), thumbnail])  # fmt: skip
def test_what_an_encoder_refuses_is_an_image_error(encode, monkeypatch):
    monkeypatch.setattr("mmrerank.images.decode.MAX_SIDE", 10**6)
    monkeypatch.setattr(Pillow.Image, "thumbnail", lambda *_, **__: None)
    data = io.BytesIO()
    Pillow.new("RGBA", (1, 70_000)).save(data, "PNG")
    with pytest.raises(ImageError, match="cannot be encoded as JPEG"):
        encode(Image.from_bytes(data.getvalue()))
