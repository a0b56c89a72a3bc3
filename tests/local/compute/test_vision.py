"""Images on their way to the tower: odd ones, changed ones, damaged ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from golden_cases import GOLDEN, cases, content, load, near
from PIL import Image as Pillow

from mmrerank import filesystem
from mmrerank.errors import (
    ImageError,
)
from mmrerank.images import facts
from mmrerank.local.compute.vision import VisionTower
from mmrerank.types import Content, Image

IMAGE_MODELS = ["jina-reranker-m0", "qwen3-vl-reranker"]
M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"


@pytest.fixture(params=IMAGE_MODELS)
def reader(request, loaded):
    return loaded(request.param)


def picture(tmp_path, width, height, kind="png") -> Image:
    path = tmp_path / f"{width}x{height}.{kind}"
    Pillow.new("RGB", (width, height), "red").save(path)
    return Image.from_path(path)


def test_one_pixel_has_a_score(reader, tmp_path):
    assert 0 <= reader.score("q", [Content(images=[picture(tmp_path, 1, 1)])])[0] <= 1


@pytest.mark.parametrize("size", [(2, 400), (10, 1000), (1000, 10), (5000, 40), (29, 29)])
def test_thin_images_have_a_score(reader, tmp_path, size):
    assert 0 <= reader.score("q", [Content(images=[picture(tmp_path, *size)])])[0] <= 1


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_not_an_image(reader, data):
    with pytest.raises(ImageError):
        reader.score("q", [Content(images=[Image.from_bytes(data)])])


def test_a_truncated_image(reader):
    whole = (GOLDEN / "images" / "2_1200x900.png").read_bytes()
    with pytest.raises(ImageError):
        reader.score("q", [Content("text", [Image.from_bytes(whole[: len(whole) // 2])])])


def test_a_vanished_image_is_named(reader, tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png"):
        reader.score("q", [Content(images=[Image.from_path(tmp_path / "gone.png")])])


def test_a_url_is_not_opened(reader):
    with pytest.raises(ImageError, match="URL"):
        reader.score("q", [Content(images=[Image.from_url("https://example.com/a.png")])])


def test_a_turned_photograph_is_read_upright(reader, tmp_path):
    upright = Pillow.effect_noise((90, 240), 80).convert("RGB")
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the camera was turned: to be shown a quarter to the right
    for kind in ("png", "webp"):
        upright.rotate(90, expand=True).save(tmp_path / f"turned.{kind}", exif=exif, lossless=True)
    upright.save(tmp_path / "upright.png")
    names = ["turned.png", "turned.webp", "upright.png"]
    found = reader.score(
        "q", [Content(images=[Image.from_path(tmp_path / name)]) for name in names]
    )
    assert found[:2] == pytest.approx([found[2]] * 2, abs=1e-5)


def small(documents: list[Content]) -> list[Content]:
    """Without the largest images, which are the golden tests' business and take seconds."""
    large = {"2_1200x900.png", "4_2000x1500.png"}
    return [d for d in documents if not large & {image.path.name for image in d.images}]


@pytest.fixture
def settled(monkeypatch):
    """Files that were just written count as settled."""
    monkeypatch.setattr(filesystem, "_SETTLED", -1e9)


@pytest.mark.parametrize("name", [M0, VL])
def test_warm_reads_no_image_again(name, work, settled, monkeypatch):
    """A warm hit neither decodes nor hashes nor opens a file."""
    documents = small([content(d) for d in cases(name)[1]["documents"]])
    with load(name) as reranker:
        reranker.warm(documents)
        reranker.warm(documents, show_progress=True)
        work.done()
        reranker.score("q", documents)  # the tokens of Qwen3-VL need sizes, which are remembered
        monkeypatch.setattr(facts, "read_bytes", lambda image: pytest.fail("read again"))
        monkeypatch.setattr(
            "mmrerank.local.compute.vision.read_bytes", lambda image: pytest.fail("read")
        )
        reranker.score("other", documents)
        assert work.done()[0] == 0


def noise(path: Path, seed: int) -> Image:
    """56 x 56 pixels, always of the same size in bytes."""
    torch.manual_seed(seed)
    pixels = torch.randint(0, 256, (56, 56, 3), dtype=torch.uint8)
    Pillow.fromarray(pixels.numpy()).save(path, "BMP")
    return Image.from_path(path)


@pytest.mark.parametrize("name", [M0, VL])
def test_a_changed_file_of_the_same_size_and_time(name, tmp_path, settled):
    path = tmp_path / "a.bmp"
    image = noise(path, 1)
    document = Content(images=[image])
    with load(name, reuse=False) as plain, load(name) as reranker:
        before = reranker.score("q", [document])
        status = path.stat()
        time.sleep(0.02)  # a tick of the file system's clock
        noise(path, 2)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
        found = reranker.score("q", [document])
        near(found, plain.score("q", [document]))
        assert found != before


def test_a_file_that_was_just_written_is_hashed_again(tmp_path, monkeypatch):
    """Two changes within one tick of the clock look alike."""
    image = noise(tmp_path / "a.bmp", 1)
    status = os.stat(image.path)
    monkeypatch.setattr(filesystem.os, "stat", lambda path: status)
    before = facts.image_facts(image)
    noise(image.path, 2)
    assert facts.image_facts(image) != before


def test_a_file_that_changes_during_a_call_is_not_cached(tmp_path, monkeypatch):
    """Hashed as one picture and decoded as another: scored, and forgotten."""
    image = noise(tmp_path / "a.bmp", 1)
    document = Content(images=[image])
    features = VisionTower.features

    def swapping(self, parts):
        noise(image.path, 2)
        return features(self, parts)

    for name in (M0, VL):
        noise(image.path, 1)
        with load(name) as reranker, load(name, reuse=False) as plain:
            wanted = plain.score("q", [document])
            monkeypatch.setattr(VisionTower, "features", swapping)
            assert reranker.score("q", [document]) != wanted
            monkeypatch.setattr(VisionTower, "features", features)
            assert reranker.cache_info().entries == 0
            noise(image.path, 1)
            near(reranker.score("q", [document]), wanted)


def test_a_vanished_file_is_an_error_though_it_was_read(tmp_path):
    image = noise(tmp_path / "a.bmp", 1)
    with load(M0) as reranker:
        reranker.score("q", [Content(images=[image])])
        image.path.unlink()
        with pytest.raises(ImageError, match=r"a\.bmp"):
            reranker.score("q", [Content(images=[image])])


def test_cached_images_do_not_keep_their_batch_in_memory():
    with load(VL) as reranker:
        reranker.warm([content(d) for d in cases(VL)[1]["documents"][:2]])
        for kept in reranker._cache._memory._entries.values():
            for tensor in kept.tensors.values():
                assert tensor.untyped_storage().nbytes() == tensor.nbytes
