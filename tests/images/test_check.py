"""Whole images pass; a file is checked again only once it has changed."""

from __future__ import annotations

import pytest
from helpers import DATA, png

from mmrerank import ImageError
from mmrerank.images.check import check_image
from mmrerank.types import Image


def test_a_file_is_checked_again_only_when_it_has_changed(image_root, monkeypatch):
    monkeypatch.setattr("mmrerank.filesystem._SETTLED", -1e9)
    image = Image.from_path(image_root / "words.png")
    check_image(image)
    monkeypatch.setattr("mmrerank.images.check.read_bytes", lambda _: pytest.fail("read again"))
    check_image(image)
    monkeypatch.undo()
    (image_root / "words.png").write_bytes(b"changed")
    with pytest.raises(ImageError):
        check_image(image)


def test_a_file_that_was_just_written_is_checked_each_time(image_root):
    """Two changes within one tick of the file system's clock look alike."""
    image = Image.from_path(image_root / "words.png")
    check_image(image)
    damaged = bytearray(image.path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    image.path.write_bytes(damaged)
    with pytest.raises(ImageError, match="damaged"):
        check_image(image)


@pytest.mark.parametrize("decode", [False, True])
def test_a_truncated_jpeg_is_damaged(decode):
    with pytest.raises(ImageError, match="damaged"):
        check_image(Image.from_path(DATA / "images" / "truncated_jpeg.jpg"), decode=decode)


def test_whole_images_and_urls_pass():
    check_image(Image.from_bytes(png("words")), decode=True)
    check_image(Image.from_path(DATA / "images" / "exif-rotated-6.jpg"))
    check_image(Image.from_url("https://example.org/x.png"))
