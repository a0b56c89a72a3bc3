"""What is kept stays within its budget, is shared by threads, and can be let go of."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from golden_cases import cases, content, golden_image, load, near

from mmrerank.errors import InvalidInputError, RerankWarning
from mmrerank.local import CacheInfo, Reuse
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.cache.memory import MemoryTier
from mmrerank.types import Content

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(8)]


def test_one_state_is_never_computed_twice_at_once(work):
    """Eight threads ask for the same documents: the first computes, the others find."""
    documents = [Content(images=[golden_image("1_300x200.png")]), *map(Content, TEXTS)]
    with load(M0) as reranker:
        barrier = threading.Barrier(8)

        def ask(i: int) -> list[float]:
            barrier.wait()
            return reranker.score(f"query {i % 2}", documents)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask, range(8)))
        for i in range(2, 8):
            near(found[i], found[i % 2])
        info = reranker.cache_info()
        assert work.images == 1
        assert info.misses == len(documents) + 1  # and the image's own
        assert info.hits == 7 * len(documents)


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


def test_a_warning_where_not_all_is_kept():
    with (
        load(M0, reuse=Reuse(memory=20_000)) as reranker,
        pytest.warns(RerankWarning, match="not all of 8 .* are kept"),
    ):
        reranker.warm(TEXTS)


def test_images_kept_hold_on_to_no_batch():
    with load(VL) as reranker:
        reranker.warm([content(d) for d in cases(VL)[1]["documents"][:2]])
        for kept in reranker._cache._memory._entries.values():
            for tensor in kept.tensors.values():
                assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_int8_is_close_and_half_the_size():
    documents = [content(d) for case in cases(M0)[:2] for d in case["documents"]]
    with load(M0, reuse=Reuse(states="int8")) as small, load(M0) as exact:
        wanted = exact.score("q", documents)
        near(small.score("q", documents), wanted)  # cold: the states only pass by
        found = small.score("q", documents)
        assert found == pytest.approx(wanted, abs=0.02)
        assert found != wanted
        assert small.cache_info().bytes < exact.cache_info().bytes / 2


def test_clear_and_close():
    with load(M0) as reranker:
        reranker.score("q", TEXTS)
        assert reranker.cache_info().bytes > 0
        reranker.clear_cache()
        assert (reranker.cache_info().bytes, reranker.cache_info().entries) == (0, 0)
        reranker.score("q", TEXTS)
    assert reranker.cache_info().bytes == 0
    with load(M0, reuse=False) as off:
        off.warm(TEXTS)
        off.score("q", TEXTS)
        assert off.cache_info() == CacheInfo()
        off.clear_cache()


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


def test_without_room_it_still_works():
    with load(M0, reuse=Reuse(memory=0)) as reranker, load(M0, reuse=False) as plain:
        near(reranker.score("q", TEXTS), plain.score("q", TEXTS))
        near(reranker.score("q", TEXTS), plain.score("q", TEXTS))
        assert reranker.cache_info().entries == 0
