"""The state cache stays within its budget and evicts the least recently used entry."""

from __future__ import annotations

import warnings

import pytest
import torch
from golden_cases import load

from mmrerank.errors import InvalidInputError, RerankWarning
from mmrerank.local import Reuse
from mmrerank.local.cache.disk import DiskTier
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.cache.memory import MemoryTier, StateCache

M0 = "jina-reranker-m0"


def test_least_recently_used_goes_first():
    tier = MemoryTier(4 * 2048)
    for key in "abcd":
        tier.put(key, CacheEntry({"x": torch.zeros(1024, dtype=torch.uint8)}))
    assert tier.get("a") is not None
    tier.put("e", CacheEntry({"x": torch.zeros(1024, dtype=torch.uint8)}))
    assert [key for key in "abcde" if tier.get(key) is None] == ["b"]
    tier.put("big", CacheEntry({"x": torch.zeros(9000, dtype=torch.uint8)}))
    assert tier.get("big") is None
    assert (len(tier), tier.bytes, tier.evictions) == (4, 4 * 2048, 1)


@pytest.mark.parametrize(
    "wrong", [{"memory": -1}, {"memory": 1.5}, {"place": "gpu"}, {"states": "int4"}]
)
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(InvalidInputError):
        Reuse(**wrong)


@pytest.mark.slow
def test_memory_stays_within_the_budget_under_10_000_documents():
    budget = 2_000_000
    with load(M0, reuse=Reuse(memory=budget)) as reranker:
        most = 0
        for start in range(0, 10_000, 1000):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RerankWarning)  # that not all are kept
                reranker.warm([f"document {i}" for i in range(start, start + 1000)])
            most = max(most, reranker.cache_info().bytes)
        info = reranker.cache_info()
        assert budget / 2 < most <= budget
        held = list(reranker._cache._memory._entries.values())
        assert sum(kept.nbytes for kept in held) == info.bytes
        storage = sum(t.untyped_storage().nbytes() for kept in held for t in kept.tensors.values())
        assert storage <= info.bytes  # no tensor holds on to more than it shows
        assert info.evictions == 10_000 - info.entries
        assert len(reranker.score("q", [f"document {i}" for i in range(9_500, 10_000)])) == 500


def entry(value: int) -> CacheEntry:
    return CacheEntry({"x": torch.full((1024,), value, dtype=torch.uint8)})


def test_eviction_frees_what_was_used_least_recently():
    tier = MemoryTier(10 * 2048)
    for i in range(3):
        tier.put(str(i), entry(i))
    tier.get("0")
    tier.evict_least_recent()
    assert [key for key in "012" if tier.get(key) is None] == ["1"]
    assert (len(tier), tier.bytes, tier.evictions) == (2, 2 * 2048, 1)


def test_an_entry_is_replaced_and_not_counted_twice():
    tier = MemoryTier(10 * 2048)
    tier.put("a", entry(1))
    tier.put("a", entry(2))
    assert (len(tier), tier.bytes) == (1, 2048)
    assert int(tier.get("a").tensors["x"][0]) == 2


def test_the_disk_answers_what_memory_has_evicted(tmp_path):
    cpu = torch.device("cpu")
    cache = StateCache(Reuse(memory=2048), cpu, cpu, DiskTier(tmp_path, 10**6))
    cache.put("a", entry(1), "document")
    cache.put("b", entry(2), "document")
    assert int(cache.get("a", "document").tensors["x"][0]) == 1
    assert cache.get("c", "document") is None
    info = cache.info()
    assert (info.hits, info.misses, info.disk_hits, info.entries) == (1, 1, 1, 1)
    assert cache.losses() == 0
    cache.clear()
    assert (cache.info().bytes, cache.get("b", "document") is None) == (0, False)
    cache.clear(disk=True)
    assert cache.get("b", "document") is None
    small = StateCache(Reuse(memory=100), cpu, cpu)
    small.put("a", entry(1), "document")
    assert small.losses() == 1
