"""The folder on disk: shared, bounded, private, and never trusted when damaged."""

from __future__ import annotations

import multiprocessing
import os
import stat
import time

import pytest
import torch
from golden_cases import GOLDEN, cases, content, load, near, slow

from mmrerank.errors import InvalidInputError
from mmrerank.local import Reuse
from mmrerank.local.cache.disk import DiskTier
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.compute.decoder import Decoder
from mmrerank.types import Content

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"
TEXTS = ["gravity pulls", "a recipe for bread", "torque " * 30]


def documents(name: str = M0) -> list[Content]:
    images = [content(d) for d in cases(name)[1]["documents"]]
    return [Content(t) for t in TEXTS] + [d for d in images if "_56" in str(d.images)]


def entry(size: int = 1000, fill: int = 1) -> CacheEntry:
    return CacheEntry({"kv": torch.full((size,), fill, dtype=torch.uint8)}, {"tokens": 3})


def files(folder):
    return sorted((folder / "states").iterdir())


@pytest.mark.parametrize("name", [M0, VL])
def test_a_restart_computes_no_document_again(name, tmp_path, monkeypatch):
    reuse = Reuse(disk=tmp_path)
    with load(name, reuse=reuse) as first:
        wanted = first.score("q", documents(name))
        assert first.cache_info().disk_bytes > 0
    with load(name, reuse=reuse) as second:
        if name == M0:
            monkeypatch.setattr(Decoder, "fill", lambda *_: pytest.fail("computed again"))
        monkeypatch.setattr(
            type(second._engine.tower), "features", lambda *_: pytest.fail("read again")
        )
        near(second.score("q", documents(name)), wanted)
        info = second.cache_info()
        assert (info.misses, info.disk_hits) == (0, info.hits)
        assert info.hits > 0
        second.clear_cache(disk=True)
        assert files(tmp_path) == []


def test_what_memory_has_no_room_for_comes_from_disk(tmp_path):
    with load(M0, reuse=False) as plain:
        wanted = plain.score("q", documents())
    with load(M0, reuse=Reuse(memory=0, disk=tmp_path)) as reranker:
        reranker.warm(documents())
        near(reranker.score("q", documents()), wanted)
        info = reranker.cache_info()
        assert (info.bytes, info.disk_hits) == (0, len(documents()))


@pytest.mark.parametrize("damage", ["truncated", *slow("empty", "header", "swapped"), "flipped"])
def test_a_damaged_file_is_removed_and_computed_again(damage, tmp_path):
    reuse = Reuse(disk=tmp_path)
    with load(M0, reuse=reuse) as first:
        wanted = first.score("q", TEXTS)
    one, other, *_ = files(tmp_path)
    data = bytearray(one.read_bytes())
    if damage == "truncated":
        data = data[:-100]
    elif damage == "empty":
        data = bytearray()
    elif damage == "flipped":
        data[-50] ^= 1
    elif damage == "header":
        data[3] ^= 0xFF
    else:
        data = bytearray(other.read_bytes())  # whole, but of another document
    one.write_bytes(data)
    with load(M0, reuse=reuse) as second:
        near(second.score("q", TEXTS), wanted)
        assert second.cache_info().disk_damaged == 1
    with load(M0, reuse=reuse) as third:
        near(third.score("q", TEXTS), wanted)
        assert (third.cache_info().disk_damaged, third.cache_info().misses) == (0, 0)


def test_folder_and_files_are_the_users_alone(tmp_path):
    before = os.umask(0)
    try:
        DiskTier(tmp_path / "new", 10**6).put("k", entry())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "states").stat().st_mode) == 0o700
    (file,) = files(tmp_path / "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"torch" not in file.read_bytes()  # no pickle: a JSON header and numbers
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "states").mkdir(mode=0o777)
    DiskTier(tmp_path / "open", 10**6)
    assert stat.S_IMODE((tmp_path / "open" / "states").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "target").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "states").symlink_to(tmp_path / "target")
    for name in ("file", "linked"):
        with pytest.raises(InvalidInputError):
            DiskTier(tmp_path / name, 10**6)


def test_the_limit_holds_and_the_oldest_goes(tmp_path):
    tier = DiskTier(tmp_path, 20_000)
    for i in range(10):
        tier.put(f"k{i}", entry())
        os.utime(tier._path(f"k{i}"), (i, i))
    assert tier.get("k0") is not None  # used now
    for i in range(10, 20):
        tier.put(f"k{i}", entry())
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_000
    assert tier.get("k0") is not None
    assert tier.get("k1") is None
    assert tier.evictions > 0
    tier.put("big", entry(30_000))
    assert tier.get("big") is None
    assert DiskTier(tmp_path, 5000).bytes <= 5000  # a smaller limit holds from the start


def test_other_processes_files_count(tmp_path):
    one, other = DiskTier(tmp_path, 20_000), DiskTier(tmp_path, 20_000)
    for i in range(40):
        one.put(f"a{i}", entry())
        other.put(f"b{i}", entry())
        assert sum(path.stat().st_size for path in files(tmp_path)) <= 22_500


@pytest.mark.parametrize("name", [".key.safetensors.0123.part", "0123.tmp"])
def test_unfinished_files_are_removed_once_nobody_writes_them(tmp_path, name):
    """Those of earlier versions ended in `.tmp`."""
    tier = DiskTier(tmp_path, 10**6)
    path = tmp_path / "states" / name
    path.write_bytes(b"x")
    tier._evict_over_limit()
    assert files(tmp_path) == [path]
    os.utime(path, (time.time() - 7200,) * 2)
    tier._evict_over_limit()
    assert files(tmp_path) == []


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(tensors, path, metadata):
        path.write_bytes(b"a half")
        raise OSError(28, "No space left on device")

    tier = DiskTier(tmp_path, 10**6)
    monkeypatch.setattr("safetensors.torch.save_file", broken)
    tier.put("k", entry())
    assert (tier.get("k"), tier.bytes, files(tmp_path)) == (None, 0, [])


def test_a_full_disk_fails_no_query(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmrerank.local.cache.disk._write", full)
    with load(M0, reuse=Reuse(disk=tmp_path)) as reranker, load(M0, reuse=False) as plain:
        near(reranker.score("q", TEXTS), plain.score("q", TEXTS))
    assert files(tmp_path) == []


def test_a_file_in_use_may_be_removed(tmp_path):
    """Another process makes room while the state is mapped."""
    tier = DiskTier(tmp_path, 10**8)
    tier.put("k", entry(5_000_000, 7))
    found = tier.get("k")
    tier.clear()
    assert int(found.tensors["kv"].sum(dtype=torch.int64)) == 35_000_000


def churn(folder: str, seed: int) -> int:
    """Write, read and evict; gives how many values were wrong."""
    tier, wrong = DiskTier(folder, 30_000), 0
    for i in range(150):
        number = (i * 7 + seed) % 40
        tier.put(f"k{number}", entry(1000, number))
        found = tier.get(f"k{(i * 3) % 40}")
        wrong += found is not None and int(found.tensors["kv"][0]) != (i * 3) % 40
    return wrong + tier.damaged


@pytest.mark.slow
def test_several_processes_share_a_folder(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.starmap(churn, [(str(tmp_path), seed) for seed in range(3)]) == [0, 0, 0]


def test_the_golden_folder_is_left_alone(tmp_path):
    before = sorted(path.name for path in (GOLDEN / M0).iterdir())
    with load(M0, reuse=Reuse(disk=tmp_path)) as reranker:
        reranker.score("q", TEXTS)
    assert sorted(path.name for path in (GOLDEN / M0).iterdir()) == before
