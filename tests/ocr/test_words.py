"""The words in an image: from a loader, from the cache, or from OCR."""

from __future__ import annotations

import json
import os
import stat

import pytest

from mmrerank import Image
from mmrerank.ocr.engine import ReadLine
from mmrerank.ocr.words import ImageReader, is_readable, loader_facts, remove_unused_words


def test_words_saved_by_a_loader_come_before_ocr(image_root):
    facts = {"words": "alpha beta gamma delta epsilon", "caption": "Figure 1", "page": 1, "box": []}
    (image_root / "blank.json").write_text(json.dumps(facts))
    image = Image.from_path(image_root / "blank.png")
    reader = ImageReader(None, ocr=False)
    assert reader.words(image) == "Figure 1 alpha beta gamma delta epsilon"
    assert ImageReader(None).is_known(image)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "\xff", '{"words": 3}', "[" * 10**6])
def test_another_programs_json_beside_an_image_is_ignored(image_root, text):
    (image_root / "words.json").write_text(text, encoding="latin-1")
    assert "turbine" in ImageReader(None).words(Image.from_path(image_root / "words.png"))


def test_garbled_text_layers_are_not_believed():
    assert is_readable("five whole words stand here")
    assert not is_readable("two words")
    assert not is_readable("=<6>?J+@:=<:#0(1C23# >$%& :<=?@ (#+: <>=:$")
    assert is_readable("0.0 0.5 1.0 -5 10% (a) time [s]")
    assert is_readable("向量 数据库 检索 精度 提高")
    assert not is_readable("\ufffd\ufffd \ue001\ue002 \ufffd \ufffd \ufffd \ufffd")


def test_a_damaged_cache_is_read_again(image_root, tmp_path):
    image = Image.from_path(image_root / "words.png")
    ImageReader(tmp_path).words(image)
    (entry,) = (tmp_path / "ocr").rglob("*.json")
    for damage in (b"\xff\xfe\xff", b"[[1, 2]]", b"7", b"[" * 10**6):
        entry.write_bytes(damage)
        assert "turbine" in ImageReader(tmp_path).words(image)


def test_the_cache_is_private(image_root, tmp_path, monkeypatch):
    line = ReadLine((0.0, 0.0, 1.0, 1.0), "torque")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    ImageReader(tmp_path / "cache").lines(Image.from_path(image_root / "words.png"))
    (entry,) = (tmp_path / "cache" / "ocr").rglob("*.json")
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]


def test_the_facts_of_a_shared_image_are_those_of_the_source(image_root):
    facts = {"page": 1, "box": [], "words": "", "source": "a.pdf", "caption": "Figure 1"}
    other = {"source": "b.pdf", "page": 7, "caption": "Figure 9"}
    (image_root / "words.json").write_text(json.dumps({**facts, "others": [other, "damaged"]}))
    image = Image.from_path(image_root / "words.png")
    assert loader_facts(image, "a.pdf")["caption"] == "Figure 1"
    assert loader_facts(image, "b.pdf") == {**facts, **other}
    assert loader_facts(image)["caption"] == ""
    assert loader_facts(image, "c.pdf")["page"] == 1


@pytest.mark.parametrize("others", [5, "b.pdf", {"source": "b.pdf"}, None, [5, None, [], {"source": 3, "caption": []}]])  # fmt: skip
def test_odd_entries_of_other_documents_are_no_matter(image_root, others):
    facts = {"page": 1, "box": [], "words": "", "source": "a.pdf", "caption": "Figure 1"}
    (image_root / "words.json").write_text(json.dumps({**facts, "others": others}))
    image = Image.from_path(image_root / "words.png")
    assert loader_facts(image, "a.pdf")["caption"] == "Figure 1"
    assert loader_facts(image, "b.pdf")["page"] == 1


def test_facts_of_another_type_are_left_out(image_root):
    facts = {"page": 1, "box": [], "words": ["x"], "caption": {"a": 1}, "label": "\ud800"}
    (image_root / "words.json").write_text(json.dumps(facts))
    image = Image.from_path(image_root / "words.png")
    assert loader_facts(image) == {"page": 1, "box": [], "label": "?"}
    assert ImageReader(None, ocr=False).words(image) == ""


def test_the_file_beside_an_image_is_read_from_the_root_too(image_root):
    secret = image_root.parent / "secret.json"
    secret.write_text(json.dumps({"page": 1, "box": [], "words": "secret", "caption": "secret"}))
    (image_root / "words.json").symlink_to(secret)
    image = Image(path=image_root / "words.png", root=image_root)
    assert loader_facts(image) == {}


def test_words_that_nobody_used_for_long_leave_the_cache(image_root, tmp_path, monkeypatch):
    line = ReadLine((0.0, 0.0, 1.0, 1.0), "torque")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    images = [Image.from_path(image_root / name) for name in ("words.png", "blank.png")]
    for image in images:
        ImageReader(tmp_path).lines(image)
    cached = sorted((tmp_path / "ocr").rglob("*.json"))
    for path in cached:
        os.utime(path, (0, 0))
    ImageReader(tmp_path).lines(images[0])  # the last use is now

    assert remove_unused_words(tmp_path) == 1
    assert ImageReader(tmp_path).is_known(images[0])
    assert not ImageReader(tmp_path).is_known(images[1])

    os.utime(next((tmp_path / "ocr").rglob("*.json")), (0, 0))
    assert remove_unused_words(tmp_path) == 0  # looked at today
    os.utime(tmp_path / "ocr/.last-look", (0, 0))
    assert remove_unused_words(tmp_path) == 1


def test_there_may_be_no_cache(tmp_path):
    assert remove_unused_words(tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()
