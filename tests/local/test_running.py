"""Memory that runs out, threads, the event loop, closing, what is reported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from golden_cases import GOLDEN, cases, content, golden_image, load

from mmrerank.errors import InvalidInputError, RerankError, RerankWarning
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
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
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


def test_equal_documents_are_read_once(loaded, name):
    scores = loaded(name).score("q", ["same", "other", "same"])
    assert scores[0] == scores[2] != scores[1]


def test_several_threads(loaded, name):
    reranker = loaded(name)
    queries = [f"query {i}" for i in range(8)]
    wanted = [reranker.score(query, DOCUMENTS[:6]) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: reranker.score(query, DOCUMENTS[:6]), queries))
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_the_event_loop_is_not_blocked(loaded, monkeypatch):
    reranker = loaded("qwen3-reranker")
    walk = Decoder._walk

    def slow(self, *args):
        time.sleep(0.3)
        return walk(self, *args)

    async def main() -> tuple[list[float], int]:
        ticks = 0
        task = asyncio.create_task(reranker.ascore("q", DOCUMENTS[:3]))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return task.result(), ticks

    wanted = reranker.score("q", DOCUMENTS[:3])
    monkeypatch.setattr(Decoder, "_walk", slow)
    scores, ticks = asyncio.run(main())
    assert scores == wanted
    assert ticks > 10


def test_close_frees_the_model(name):
    import gc
    import weakref

    reranker = load(name)
    layer = weakref.ref(reranker._engine.decoder._model.layers[0])
    reranker.close()
    reranker.close()
    gc.collect()
    assert layer() is None
    with pytest.raises(RerankError, match="closed"):
        reranker.score("q", ["d"])


def test_close_waits_for_a_call_under_way(monkeypatch):
    reranker = load("qwen3-reranker")
    walk, started = Decoder._walk, threading.Event()

    def slow(self, *args):
        started.set()
        time.sleep(0.2)
        return walk(self, *args)

    monkeypatch.setattr(Decoder, "_walk", slow)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(reranker.score, "q", ["d"])
        started.wait()
        reranker.close()
        assert len(task.result()) == 1


def test_usage_counts_what_was_read(loaded):
    used = []
    with load("jina-reranker-m0", on_usage=used.append) as reranker:
        image = golden_image("0_56x56.png")
        reranker.score("q", ["text", Content("other", [image]), Content(images=[image])])
    (usage,) = used
    assert (usage.documents, usage.parts, usage.images) == (3, 3, 1)
    assert usage.truncated == 0
    assert usage.total_tokens == sum(
        len(p)
        for p in loaded("jina-reranker-m0")._prompts(
            Content("q"), [Content("text"), Content("other"), Content(images=[image])]
        )[0]
    )


def test_progress_is_shown_only_if_asked_for(capsys):
    with load("qwen3-reranker") as quiet:
        quiet.score("q", ["a", "b"])
    assert capsys.readouterr() == ("", "")
    with load("qwen3-reranker", show_progress=True) as told:
        told.score("q", ["a", "bb"])
    assert "2/2" in capsys.readouterr().err


def test_loading_changes_nothing_for_other_users_of_transformers():
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load("qwen3-reranker").close()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_an_image_shared_by_documents_is_read_once(loaded, monkeypatch):
    reranker = loaded("qwen3-vl-reranker", reuse=False)
    read = []
    tower = type(reranker._engine.tower)
    features = tower.features
    monkeypatch.setattr(
        tower, "features", lambda self, parts: read.extend(parts) or features(self, parts)
    )
    image, query = golden_image("1_300x200.png"), golden_image("0_56x56.png")
    documents = [Content(f"text {i}", [image]) for i in range(5)]
    reranker.score(Content("q", [query]), documents)
    assert sorted(part.image.path.name for part in read) == ["0_56x56.png", "1_300x200.png"]


PROBE = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "sentence_transformers", "numpy"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
import mmrerank.local, mmrerank.retrieval.qwen3_embedding
from mmrerank.errors import MissingDependencyError
made = [getattr(mmrerank.local, n) for n in mmrerank.local.__all__ if n.endswith("Reranker")]
made.remove(mmrerank.local.LocalReranker)
made.append(mmrerank.retrieval.qwen3_embedding.Qwen3Embedder)
for cls in made:
    try:
        cls("anything")
    except MissingDependencyError as error:
        extra = "cross-encoder" if cls.__name__ == "CrossEncoderReranker" else "local"
        assert error.extra == extra and f"mmrerank[{extra}]" in str(error), error
    else:
        raise SystemExit(f"{cls} was made without torch")
"""


def test_without_torch_only_construction_fails():
    subprocess.run([sys.executable, "-c", PROBE], check=True, cwd=GOLDEN.parents[2])


def test_the_import_is_light():
    code = (
        "import sys, mmrerank.local;"
        "bad = {'torch', 'transformers', 'numpy', 'httpx', 'mmrerank.http'} & set(sys.modules);"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=GOLDEN.parents[2])


@pytest.mark.parametrize("wrong", [[1], "text", [None]])
def test_what_is_no_list_of_documents(loaded, wrong):
    with pytest.raises(InvalidInputError):
        loaded("qwen3-reranker").score("q", wrong)
