"""The flow of a call: threads, the event loop, closing, what is checked and reported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from golden_cases import GOLDEN, golden_image, load
from safetensors.torch import load_file, save_file

from mmrerank.errors import (
    InvalidInputError,
    InvalidResponseError,
    RerankError,
    RerankWarning,
)
from mmrerank.local import CacheInfo, Reuse
from mmrerank.local.compute.decoder import Decoder
from mmrerank.types import Content

DOCUMENTS = [f"document {i} " + "about torque " * i for i in range(20)]
PROBE = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "sentence_transformers", "numpy"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
import mmrerank
from mmrerank.catalog import RERANKERS
from mmrerank.errors import MissingDependencyError
rows = [row for row in RERANKERS if row.module.startswith("mmrerank.local.")]
made = [getattr(mmrerank, row.class_name) for row in rows] + [mmrerank.Qwen3Embedder]
for cls in made:
    try:
        cls("anything")
    except MissingDependencyError as error:
        extra = "cross-encoder" if cls.__name__ == "CrossEncoderReranker" else "local"
        assert error.extra == extra and f"mmrerank[{extra}]" in str(error), error
    else:
        raise SystemExit(f"{cls} was made without torch")
"""
M0 = "jina-reranker-m0"
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(8)]


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


def test_progress_is_shown_only_on_request(capsys):
    with load("qwen3-reranker") as quiet:
        quiet.score("q", ["a", "b"])
    assert capsys.readouterr() == ("", "")
    with load("qwen3-reranker", show_progress=True) as told:
        told.score("q", ["a", "bb"])
    assert "2/2" in capsys.readouterr().err


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
def test_documents_that_are_not_a_list(loaded, wrong):
    with pytest.raises(InvalidInputError):
        loaded("qwen3-reranker").score("q", wrong)


def test_nan_weights(name, copied):
    path = copied(name) / "model.safetensors"
    weights = load_file(path)
    key = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
    weights[key][0, 0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with (
        load(name, path.parent) as reranker,
        pytest.raises(InvalidResponseError, match=r"documents\[0\].*no finite score"),
    ):
        reranker.score("q", ["a", "b"])


def test_one_bad_embedding_leaves_the_others_alone(copied, loaded):
    """Only the prompt that has the token is named; packed neighbours keep their scores."""
    path = copied("qwen3-reranker") / "model.safetensors"
    good = loaded("qwen3-reranker")
    token = good._tokenizer.encode([" gravity"])[0][0]
    weights = load_file(path)
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    texts = ["a", "b", "c" * 30]
    with load("qwen3-reranker", path.parent) as reranker:
        with pytest.raises(InvalidResponseError, match=r"documents\[1\] and 0 others"):
            reranker.score("q", ["a", "a gravity", "b"])
        prompts, _ = reranker._prompts(Content("q"), [Content(t) for t in [*texts, " gravity"]])
        found = reranker._engine.compute(prompts)
        wanted = good._engine.compute(good._prompts(Content("q"), [Content(t) for t in texts])[0])
        assert found[:3] == pytest.approx(wanted, abs=1e-5)
        assert found[3] != found[3]


def test_empty_calls(loaded, name):
    reranker = loaded(name)
    assert reranker.score("q", []) == []
    assert reranker.rerank("q", [], top_n=3) == []
    with pytest.raises(InvalidInputError):
        reranker.score(" ", ["d"])


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


def test_a_warning_if_the_cache_is_too_small():
    with (
        load(M0, reuse=Reuse(memory=20_000)) as reranker,
        pytest.warns(RerankWarning, match="too small for all of 8 documents or parts"),
    ):
        reranker.warm(TEXTS)


def prompt(reranker, query, document):
    (made,), _ = reranker._prompts(Content(query), [Content(document)])
    return made


def test_a_long_document_is_cut_and_reported(loaded, name):
    used = []
    extra = {"max_query_length": 100} if name == "jina-reranker-m0" else {}
    with load(name, max_length=400, on_usage=used.append, **extra) as reranker:
        long = "alpha beta gamma " * 300
        with pytest.warns(RerankWarning, match=r"cut to fit max_length=400: 1 of 2 documents"):
            scores = reranker.score("q", [long, "short"])
        assert used[-1].truncated == 1
        assert scores[1] == pytest.approx(loaded(name).score("q", ["short"])[0], abs=1e-6)
        with pytest.warns(RerankWarning):  # what lies behind the cut does not matter
            assert reranker.score("q", [long + "and more"]) == pytest.approx(scores[:1], abs=1e-6)
        assert prompt(reranker, "q", long).ids[-4:] == prompt(reranker, "q", "d").ids[-4:]


@pytest.mark.slow
def test_a_document_of_200000_tokens(loaded, name):
    reranker = loaded(name, max_length=1000)
    document = "alpha beta " * 100_000
    with pytest.warns(RerankWarning, match="cut to fit"):
        (score,) = reranker.score("q", [document])
    assert 0 <= score <= 1
    assert len(prompt(reranker, "q", document)) <= 1010


def test_a_long_query_is_cut_and_leaves_room_for_the_document(loaded, name):
    used = []
    extra = {"max_query_length": 60} if name == "jina-reranker-m0" else {}
    with load(name, max_length=300, on_usage=used.append, **extra) as reranker:
        query = "what is the torque " * 200
        with pytest.warns(RerankWarning, match="the query"):
            one, other = reranker.score(query, ["a document", "an other one"])
        assert used[-1].truncated == 1
        assert one != other


def test_no_warning_where_nothing_is_cut(loaded, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(name).score("q", ["a", "b"])


def test_it_says_whether_it_caches_documents(loaded):
    assert loaded(M0).caches_documents
    assert loaded(M0).settings["max_batch_tokens"] is None
    assert not loaded("qwen3-reranker").caches_documents
    with load(M0, reuse=False) as reranker:
        assert not reranker.caches_documents
