"""Images are decoded to upright RGB within limits; files and bytes are untrusted."""

from __future__ import annotations

import io
import os

import pytest
from helpers import DATA, png
from PIL import Image as Pillow

from mmrerank import ImageError
from mmrerank.images import decode
from mmrerank.images.decode import (
    MAX_SCANS,
    MAX_SIDE,
    content_hash,
    image_size,
    open_image,
    read_bytes,
    read_file,
)
from mmrerank.types import Image


def test_too_many_pixels_are_refused_before_they_are_decoded(image_root, monkeypatch):
    monkeypatch.setattr("mmrerank.images.decode.MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="pixels"):
        open_image(Image.from_bytes(png(size=(20, 20))))


def test_decoding_is_upright_rgb_and_bounded():
    def opened(name, **options):
        return open_image(Image.from_path(DATA / "images" / name), **options)

    upright = opened("exif-rotated-6.jpg")
    assert upright.size == (1800, 1200)
    small = opened("exif-rotated-6.jpg", max_pixels=10_000)
    assert small.width * small.height <= 10_000
    assert small.width > small.height
    for name in ("pil_sample_cmyk.jpg", "16bit.cropped.tif"):
        assert opened(name).mode == "RGB"
    low, high = opened("16bit.cropped.tif").convert("L").getextrema()
    assert low < high < 255 or low > 0  # scaled, not clipped to white


@pytest.mark.parametrize("name", ["exif-rotated-6.jpg", "pil_sample_cmyk.jpg"])
def test_the_size_from_the_header_is_that_of_the_decoded_image(name):
    image = Image.from_path(DATA / "images" / name)
    assert image_size(image) == open_image(image).size


def test_transparency_is_on_white():
    data = io.BytesIO()
    Pillow.new("RGBA", (2, 2), (255, 0, 0, 0)).save(data, "PNG")
    assert open_image(Image.from_bytes(data.getvalue())).getpixel((0, 0)) == (255, 255, 255)


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    assert read_file(path, max_bytes=5) == b"12345"
    with pytest.raises(ImageError, match="larger than 4 bytes"):
        read_file(path, max_bytes=4)
    with pytest.raises(ImageError, match="not a regular file"):
        read_file(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ImageError, match="not a regular file"):
        read_file(tmp_path / "fifo")
    with pytest.raises(ImageError, match="no such file"):
        read_file(tmp_path / "none")


def test_a_file_must_lie_under_its_root(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ImageError, match="left the image root"):
        read_file(tmp_path / "a.png", root=root)
    assert read_file(tmp_path / "a.png", root=tmp_path) == b"x"


def test_a_url_is_not_opened():
    with pytest.raises(ImageError, match="not opened here"):
        read_bytes(Image.from_url("https://example.org/x.png"))


def test_a_hash_names_the_bytes():
    assert content_hash(b"a") == content_hash(b"a") != content_hash(b"b")
    assert len(content_hash(b"a")) == 32


@pytest.mark.parametrize("size", [(1, MAX_SIDE + 1), (MAX_SIDE + 1, 1)])
def test_a_side_too_long_is_refused_with_the_limit(size):
    data = io.BytesIO()
    Pillow.new("RGBA", size).save(data, "PNG")
    with pytest.raises(ImageError, match=r"65500 \(MAX_SIDE\)"):
        open_image(Image.from_bytes(data.getvalue()))


def test_a_jpeg_of_too_many_scans_is_refused_with_the_limit():
    data = io.BytesIO()
    Pillow.new("RGB", (64, 64), "red").save(data, "JPEG", progressive=True)
    scans = data.getvalue()[:-2]
    last = scans[scans.rindex(b"\xff\xda") :]
    assert open_image(Image.from_bytes(scans + last * (MAX_SCANS - 10) + b"\xff\xd9"))
    with pytest.raises(ImageError, match=r"33 scans.*MAX_SCANS"):
        open_image(Image.from_bytes(scans + last * (MAX_SCANS - 9) + b"\xff\xd9"))


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1)])
def test_a_line_shrinks_to_the_pixels_that_are_allowed(size):
    data = io.BytesIO()
    Pillow.new("L", size).save(data, "PNG")
    small = open_image(Image.from_bytes(data.getvalue()), 5000)
    assert small.width * small.height <= 5000


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "CMYK", "I;16", "I", "F"])
def test_a_picture_in_bands_is_the_same_as_in_one(mode, monkeypatch):
    noise = Pillow.effect_mandelbrot((61, 47), (-2, -1.5, 1, 1.5), 60)
    if mode in ("RGBA", "LA"):
        noise = Pillow.merge("LA", [noise, noise.rotate(90).resize(noise.size)])
    picture = noise.convert(mode)
    whole = decode._to_rgb(picture)
    monkeypatch.setattr(decode, "_BAND_PIXELS", 100)
    assert decode._to_rgb(picture).tobytes() == whole.tobytes()


def test_nothing_of_a_file_but_its_pixels_is_kept():
    data = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(data, "JPEG", comment=b"secret")
    assert open_image(Image.from_bytes(data.getvalue())).info == {}
