"""Batches within the budget, and what happens when memory runs out."""

from __future__ import annotations

import pytest
import torch
from golden_cases import cases, content, load, slow

from mmrerank.errors import RerankError, RerankWarning
from mmrerank.local.compute.decoder import Decoder
from mmrerank.types import Content

DOCUMENTS = [f"document {i} " + "about torque " * i for i in range(20)]


@pytest.fixture
def scarce(monkeypatch):
    """`scarce(limit)`: the decoder runs out of memory over `limit` tokens. Gives sizes tried."""

    def limit(most: int, error: Exception) -> list[int]:
        tried = []
        walk = Decoder._walk

        def failing(self, *args):
            tokens = args[0].embeddings.shape[0]
            tried.append(tokens)
            if not args[2] and tokens > most:
                raise error
            return walk(self, *args)

        monkeypatch.setattr(Decoder, "_walk", failing)
        return tried

    return limit


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        *slow(
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
            RuntimeError("MPS backend out of memory"),
            MemoryError(),
        ),
    ],
    ids=["cuda", "cpu", "mps", "python"],
)
def test_the_budget_is_halved_until_it_fits(scarce, error):
    with load("qwen3-reranker", max_batch_tokens=4096) as reranker:
        wanted = reranker.score("q", DOCUMENTS)
        tried = scarce(150, error)
        with pytest.warns(RerankWarning, match=r"out of memory with a batch of \d+ tokens"):
            assert reranker.score("q", DOCUMENTS) == pytest.approx(wanted, abs=1e-6)
        assert max(tried) > 150
        assert reranker.max_batch_tokens <= 150
        del tried[:]
        assert reranker.score("q", DOCUMENTS) == pytest.approx(wanted, abs=1e-6)
        assert max(tried) <= 150  # the lower budget stays


def test_images_too_are_scored_after_memory_ran_out(scarce):
    case = cases("qwen3-vl-reranker")[1]
    documents = [content(d) for d in case["documents"]]
    with load("qwen3-vl-reranker", max_batch_tokens=10**6) as reranker:
        longest = max(len(p) for p in reranker._prompts(content(case["query"]), documents)[0])
        scarce(longest, torch.OutOfMemoryError("CUDA out of memory"))
        with pytest.warns(RerankWarning, match="out of memory"):
            found = reranker.score(content(case["query"]), documents)
    assert found == pytest.approx(case["scores"], abs=1e-4)


def test_one_document_that_does_not_fit_is_an_error(scarce):
    with load("qwen3-reranker") as reranker:
        scarce(10, torch.OutOfMemoryError("CUDA out of memory"))
        with (
            pytest.warns(RerankWarning, match="out of memory"),
            pytest.raises(RerankError, match="out of memory with one document"),
        ):
            reranker.score("q", DOCUMENTS)


def test_other_errors_are_not_taken_for_memory(scarce):
    with load("qwen3-reranker") as reranker:
        scarce(0, RuntimeError("shapes do not match"))
        with pytest.raises(RuntimeError, match="shapes"):
            reranker.score("q", DOCUMENTS)


def test_no_batch_exceeds_the_budget(scarce):
    tried = scarce(10**9, MemoryError())
    with load("qwen3-reranker", max_batch_tokens=200) as reranker:
        reranker._engine.multiple = 1
        reranker.score("q", DOCUMENTS * 3)
        shared, *batches = tried
        assert shared > 30  # instruction and query, once
        assert max(batches) <= 200
        # nothing is padded, and nothing but the prefix is shared; equal documents are read once
        prompts, _ = reranker._prompts(Content("q"), [Content(d) for d in DOCUMENTS])
        assert sum(batches) == sum(len(p) for p in prompts) - shared * len(prompts)


def test_batches_of_few_sizes(scarce):
    """So that oneDNN makes and keeps few kernels; the budget holds all the same."""
    tried = scarce(10**9, MemoryError())
    with load("qwen3-reranker", max_batch_tokens=200) as reranker:
        found = reranker.score("q", DOCUMENTS)
        assert {size % 32 for size in tried if size <= 192 or size > 200} == {0}
        assert max(tried) <= 200
        reranker._engine.multiple = 1
        assert reranker.score("q", DOCUMENTS) == pytest.approx(found, abs=1e-6)
