"""An image file is a chunk, with the words in it if asked for."""

from __future__ import annotations

import pytest
from helpers import DATA, image_file, load_file, not_rendered
from PIL import Image

from mmrerank.errors import DocumentError, RerankWarning
from mmrerank.ocr.engine import ReadLine


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_images_are_chunks(tmp_path, root, kind, monkeypatch):
    line = ReadLine((0.1, 0.1, 0.9, 0.2), "words in it")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(image_file(kind=kind))
    (chunk,) = load_file(path, root)
    assert (chunk.text, len(chunk.links)) == ("", 1)
    (chunk,) = load_file(path, root, ocr=True)
    assert chunk.text == "words in it"


def test_heic(tmp_path, root):
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(path)
    (chunk,) = load_file(path, root)
    with Image.open(root / chunk.links[0].figure.ref) as image:
        assert image.size == (64, 48)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DocumentError, match="HEIC"):
        load_file(path, root)


@pytest.mark.parametrize("name", ["decompression_bomb.gif", "truncated_jpeg.jpg"])
def test_bad_images_are_reported(root, name):
    with pytest.raises(DocumentError) as raised:
        load_file(DATA / "images" / name, root)
    assert raised.value.path.endswith(name)


def test_a_small_image_stays_unless_it_is_below_min_size(tmp_path, root):
    path = tmp_path / "a.png"
    path.write_bytes(image_file(size=(2, 2)))
    (chunk,) = load_file(path, root)
    assert len(chunk.links) == 1
    assert not not_rendered(chunk)
    with pytest.warns(RerankWarning, match="no images of 3 pixels or more"):
        assert load_file(path, root, min_size=3) == []
