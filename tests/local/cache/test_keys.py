"""Whatever a value depends on changes its key: no stale entry is ever used."""

from __future__ import annotations

import json
import os

import pytest
from golden_cases import cases, content, load, near, slow
from helpers import png
from safetensors.torch import load_file, save_file

from mmrerank.local import Reuse
from mmrerank.local.cache.keys import Keys, weights_hash
from mmrerank.types import Content, Image

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"
TEXTS = ["gravity pulls", "a recipe for bread", "torque " * 30]
CHANGES = {
    "another model": {},
    "instruction": {"instruction": "Be strict"},
    "dtype": {"dtype": "bfloat16"},
    "max_length": {"max_length": 5000},
    "max_query_length": {"max_query_length": 100},
    "shrink_images": {"shrink_images": True},
    "revision": {"revision": "main"},
    "int8": {"reuse": "int8"},
}


def documents(name: str = M0) -> list[Content]:
    images = [content(d) for d in cases(name)[1]["documents"]]
    return [Content(t) for t in TEXTS] + [d for d in images if "_56" in str(d.images)]


def option(change: str, path, tmp_path) -> dict:
    """What to load the second reranker with."""
    made = {"reuse": Reuse(disk=tmp_path), "path": path} | CHANGES[change]
    if change == "int8":
        made["reuse"] = Reuse(disk=tmp_path, states="int8")
    return made


@pytest.mark.parametrize("change", [*list(CHANGES)[:2], *slow(*list(CHANGES)[2:])])
def test_another_model_or_option_gets_no_stale_hit(change, tmp_path, copied):
    path = copied(M0)
    with load(M0, path, reuse=Reuse(disk=tmp_path)) as first:
        first.score("q", documents())
    if change == "another model":  # the weights change under the same name and time
        file = path / "model.safetensors"
        status, weights = file.stat(), load_file(file)
        weights["model.layers.0.self_attn.v_proj.weight"] *= 3
        save_file(weights, file, metadata={"format": "pt"})
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    made = option(change, path, tmp_path)
    with load(M0, **made) as second, load(M0, **made | {"reuse": False}) as plain:
        near(second.score("q", documents()), plain.score("q", documents()))
        assert second.cache_info().misses >= len(documents())


@pytest.mark.parametrize("name", [M0, VL])
def test_other_preprocessing_gets_no_stale_hit(name, tmp_path, copied):
    path = copied(name)
    given = documents(name)
    with load(name, path, reuse=Reuse(disk=tmp_path)) as first:
        before = first.score("q", given)
    config = path / "preprocessor_config.json"
    changed = json.loads(config.read_text()) | {"image_mean": [0.1] * 3, "image_std": [0.9] * 3}
    config.write_text(json.dumps(changed))
    with load(name, path, reuse=Reuse(disk=tmp_path)) as second, load(name, path) as plain:
        found = second.score("q", given)
        near(found, plain.score("q", given))
        assert found != before
        assert second.cache_info().disk_hits == 0


def test_a_changed_template_would_get_no_stale_hit(tmp_path, monkeypatch):
    from mmrerank.local.cache import keys

    with load(M0, reuse=Reuse(disk=tmp_path)) as first:
        first.score("q", TEXTS)
    monkeypatch.setattr(keys, "_FORMAT", 2)
    with load(M0, reuse=Reuse(disk=tmp_path)) as second:
        second.score("q", TEXTS)
        assert second.cache_info().disk_hits == 0


def test_each_part_of_a_document_changes_its_key():
    keys = Keys({"model": "m"}, {"max_length": 9})
    image, other = (Image.from_bytes(png(size=size)) for size in ((40, 40), (40, 41)))
    made = [
        keys.document([], "text"),
        keys.document([], "text "),
        keys.document([], ""),
        keys.document([image], None),
        keys.document([image], ""),
        keys.document([other], ""),
        keys.document([image, other], ""),
        keys.document([other, image], ""),
        keys.vision("digest", 28, 56),
        keys.vision("digest", 56, 28),
        Keys({"model": "n"}, {"max_length": 9}).document([], "text"),
        Keys({"model": "m"}, {"max_length": 8}).document([], "text"),
    ]
    assert len(set(made)) == len(made)
    assert keys.document([Image.from_bytes(image.data)], "") == keys.document([image], "")
    again = Keys({"model": "m"}, {"max_length": 8})
    assert again.vision("digest", 28, 56) == keys.vision("digest", 28, 56)  # options do not matter


def test_one_byte_of_the_weights_changes_their_hash(tmp_path):
    for name, data in (("config.json", b"{}"), ("a.safetensors", b"1"), ("notes.txt", b"1")):
        (tmp_path / name).write_bytes(data)
    before = weights_hash(tmp_path / "config.json")
    (tmp_path / "notes.txt").write_bytes(b"2")
    assert weights_hash(tmp_path / "config.json") == before
    (tmp_path / "a.safetensors").write_bytes(b"2")
    assert weights_hash(tmp_path / "config.json") != before
