"""Files lose their metadata and what follows their end, and keep every pixel and color."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from helpers import DATA, image_file
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo

from mmrerank.images.clean import without_metadata
from mmrerank.images.encode import encode_image
from mmrerank.types import Image

SECRET = b"hidden-place"


def picture(mode="RGB"):
    return Pillow.effect_mandelbrot((64, 48), (-2, -1.5, 1, 1.5), 60).convert(mode)


def with_secrets(kind, mode="RGB", **options):
    """A file with a place, a profile, a comment and bytes behind its end."""
    exif = Pillow.Exif()
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    exif[0x010E] = SECRET.decode()
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Comment", SECRET.decode())
    else:
        options |= {"xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"}
    if kind == "JPEG":
        options["comment"] = SECRET
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = io.BytesIO()
    picture(mode).save(data, kind, exif=exif, icc_profile=profile, **options)
    return data.getvalue() + b"PK" + SECRET


FILES = {
    "png": with_secrets("PNG"),
    "png palette": with_secrets("PNG", "P"),
    "jpeg": with_secrets("JPEG"),
    "jpeg progressive": with_secrets("JPEG", progressive=True, subsampling=2),
    "jpeg grey": with_secrets("JPEG", "L"),
    "webp": with_secrets("WEBP"),
    "webp lossless": with_secrets("WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_secrets_go_and_pixels_and_colors_stay(name):
    data = FILES[name]
    assert SECRET in data
    cleaned = without_metadata(data)
    assert SECRET not in cleaned
    before, after = (Pillow.open(io.BytesIO(each)) for each in (data, cleaned))
    assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    assert after.info["icc_profile"] == before.info["icc_profile"]
    assert not after.getexif()
    assert without_metadata(cleaned) == cleaned == without_metadata(data)


@pytest.mark.parametrize("name", FILES)
def test_what_is_sent_is_clean_and_not_encoded_again(name):
    assert encode_image(Image.from_bytes(FILES[name]), 10**6).data == without_metadata(FILES[name])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_is_encoded_again_is_clean_too(kind):
    assert SECRET not in encode_image(Image.from_bytes(with_secrets(kind)), 1000).data


def test_a_jpeg_in_other_colors_keeps_what_says_so():
    data = (DATA / "images" / "pil_sample_cmyk.jpg").read_bytes()
    cleaned = without_metadata(data)
    before, after = (Pillow.open(io.BytesIO(each)) for each in (data, cleaned))
    assert after.mode == "CMYK"
    assert after.tobytes() == before.tobytes()
    assert len(cleaned) < len(data)


def test_a_thumbnail_in_the_first_segment_goes():
    data = image_file(kind="JPEG")
    jfif = data[6:18] + b"\x04\x04" + SECRET * 4
    named = data[:4] + (len(jfif) + 2).to_bytes(2) + jfif + data[20:]
    assert without_metadata(named) == data


def test_a_file_with_several_pictures_becomes_one():
    data = io.BytesIO()
    picture().save(data, "MPO", save_all=True, append_images=[Pillow.new("RGB", (64, 48), "red")])
    assert Pillow.open(data).format == "MPO"
    encoded = encode_image(Image.from_bytes(data.getvalue()), 10**6)
    with Pillow.open(io.BytesIO(encoded.data)) as sent:
        assert sent.format == "JPEG"
        assert sent.tobytes() == Pillow.open(data).tobytes()


def chunk(kind, content=b""):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        image_file()[:-8],
        image_file()[:33] + chunk(b"ABCD", b"what decoders must know") + image_file()[33:],
        image_file(kind="JPEG")[:-2],
        image_file(kind="WEBP")[:12],
    ],
)
def test_other_structures_are_left_to_encoding(data):
    assert without_metadata(data) is None


@given(st.sampled_from(sorted(FILES)), st.integers(0, 4000), st.binary(min_size=1, max_size=6))
def test_damage_is_no_crash(name, at, noise):
    data = FILES[name]
    cleaned = without_metadata(data[:at] + noise + data[at + len(noise) :])
    assert cleaned is None or len(cleaned) <= len(data) + 8
