"""Facts about an image file: read once, and again once the file has changed."""

from __future__ import annotations

import pytest
from helpers import DATA, png

from mmrerank import ImageError
from mmrerank.images.facts import digest, image_facts
from mmrerank.types import Image


def test_facts_are_those_of_the_upright_image():
    path = DATA / "images" / "exif-rotated-6.jpg"
    facts = image_facts(Image.from_path(path))
    assert facts.digest == digest(path.read_bytes())
    assert (facts.width, facts.height) == (1800, 1200)


def test_a_file_is_read_again_only_once_it_has_changed(image_root, monkeypatch):
    monkeypatch.setattr("mmrerank.filesystem._SETTLED", -1e9)
    image = Image.from_path(image_root / "words.png")
    before = image_facts(image)
    with monkeypatch.context() as patch:
        patch.setattr("mmrerank.images.facts.read_bytes", lambda _: pytest.fail("read again"))
        assert image_facts(image) == before
    image.path.write_bytes(png("other words", (500, 120)))
    assert image_facts(image).width == 500


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"text")
    with pytest.raises(ImageError, match=r"bad\.png"):
        image_facts(Image.from_path(tmp_path / "bad.png"))
