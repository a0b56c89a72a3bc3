"""mteb itself runs our rerankers on a task that is made here: its code, our scores."""

from __future__ import annotations

import itertools
import json
import sys

import pytest

pytest.importorskip("mteb")
pytest.importorskip("torch")

import ir_measures
import mteb
import torch
from golden_cases import load
from ir_measures import nDCG
from mteb.cache import ResultCache
from mteb.mocks.mock_tasks.reranking import (
    MockMultilingualInstructionReranking,
    MockMultilingualRerankingTask,
)
from mteb.models import CrossEncoderProtocol, EncoderProtocol, SearchProtocol
from mteb_tasks import CANDIDATES, JUDGED, PAGES, QUERIES, make_task, pages, table, texts

from mmrerank import (
    Content,
    Image,
    InvalidInputError,
    MissingDependencyError,
    OCRReranker,
    RerankError,
    RerankWarning,
)
from mmrerank.base import Reranker
from mmrerank.errors import ImageError
from mmrerank.evaluation.mteb import MTEBReranker
from mmrerank.evaluation.mteb_rows import document_text
from mmrerank.local.compute.vision import VisionTower
from mmrerank.types import Modalities, Scored

LOCAL = ["jina-reranker-m0", "qwen3-vl-reranker"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads only wait for each other with models this small, and much longer on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def document(name: str) -> Content:
    """A page of the task, made without the code that is tested."""
    text, data = PAGES[name]
    text = f"Turbines {text}" if name == "turbine" else text
    return Content(text, [Image.from_bytes(data)] if data else [])


def run(reranker, task=None, tmp_path=None, **kwargs):
    """The result of `mteb.evaluate`, and the scores that it was given."""
    model = MTEBReranker(reranker, **kwargs)
    found = {}
    search = model.search

    def watched(*args, **more):
        found.update(search(*args, **more))
        return found

    model.search = watched
    cache = ResultCache(tmp_path) if tmp_path else None
    result = mteb.evaluate(
        model,
        task or make_task(),
        cache=cache,
        encode_kwargs={"show_progress_bar": False},
        show_progress_bar=False,
        co2_tracker=False,
    )
    return result, found


class Counting(Reranker):
    """Scores by the length of the text, and counts its calls and the documents in each."""

    model = "tests/counting"
    modalities = Modalities(image=True, query_image=True, text_and_image=True, blank_text=True)

    def __init__(self, *, caches=False, listwise=False, fails=False) -> None:
        super().__init__()
        self.caches_documents, self.listwise, self.fails = caches, listwise, fails
        self.calls: list[tuple[Content, list[Content]]] = []

    def _score(self, query, documents):
        self.calls.append((query, documents))
        return [Scored(len(one.text or ""), is_scored=not self.fails) for one in documents]


@pytest.mark.parametrize("name", LOCAL)
def test_scores_are_those_of_single_pairs_and_each_page_is_read_once(name, monkeypatch):
    images, features = [], VisionTower.features

    def counting(self, parts):
        images.extend(part.digest for part in parts)
        return features(self, parts)

    monkeypatch.setattr(VisionTower, "features", counting)
    with load(name) as reranker:
        _, found = run(reranker, documents_at_once=2)
    assert len(images) == len(set(images)) == 4  # "visit" has none
    with load(name, reuse=False) as plain:
        for query, names in CANDIDATES.items():
            assert set(found[query]) == set(names)
            for one in names:
                (score,) = plain.score(QUERIES[query], [document(one)])
                assert found[query][one] == pytest.approx(score, abs=1e-5, rel=0)


def test_ocr_reads_all_candidates_of_a_query_together():
    reranker = OCRReranker()
    result, found = run(reranker)
    for query, names in CANDIDATES.items():
        scores = reranker.score(QUERIES[query], [document(one) for one in names])
        assert found[query] == dict(zip(names, scores, strict=True))
    assert result.task_results[0].get_score() > 0.9


def test_the_score_of_mteb_is_that_of_ir_measures():
    result, found = run(OCRReranker())
    ours = ir_measures.calc_aggregate([nDCG @ 10, nDCG @ 1], JUDGED, found)
    (scores,) = result.task_results[0].scores["test"]
    assert scores["ndcg_at_10"] == pytest.approx(ours[nDCG @ 10], abs=1e-5)
    assert scores["ndcg_at_1"] == pytest.approx(ours[nDCG @ 1], abs=1e-5)


@pytest.mark.parametrize(
    "kind", [MockMultilingualRerankingTask, MockMultilingualInstructionReranking]
)
def test_tasks_that_mteb_tries_its_own_models_with(kind, tmp_path):
    reranker = Counting()
    result, _ = run(reranker, kind(), scores_folder=tmp_path)
    (scores,) = (one.scores["test"] for one in result.task_results)
    assert [one["hf_subset"] for one in scores] == ["eng", "fra"]
    assert len([*tmp_path.iterdir()]) == 2


def test_mteb_takes_it_for_a_model_that_searches():
    model = MTEBReranker(Counting())
    assert isinstance(model, SearchProtocol)
    assert not isinstance(model, (CrossEncoderProtocol, EncoderProtocol))


def test_results_are_filed_under_the_model_and_its_settings(tmp_path):
    with load("qwen3-vl-reranker", instruction="Find pages", reuse=False) as reranker:
        run(reranker, tmp_path=tmp_path, revision="abc")
    (path,) = (tmp_path / "results").rglob("TinyReranking.json")
    assert path.relative_to(tmp_path / "results").parts[:3] == (
        "mmrerank__qwen3-vl-reranker",
        "abc",
        "experiments",
    )
    meta = json.loads((path.parent / "model_meta.json").read_text())
    assert meta["experiment_kwargs"]["instruction"] == "Find pages"
    assert meta["experiment_kwargs"]["dtype"] == "float32"
    assert meta["modalities"] == ["image", "text"]
    assert meta["model_type"] == ["cross-encoder"]


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_one_that_caches_documents_gets_each_for_all_its_queries_in_a_row(at_once):
    reranker = Counting(caches=True)
    run(reranker, documents_at_once=at_once)
    seen = [document for _, documents in reranker.calls for document in documents]
    assert len(seen) == sum(map(len, CANDIDATES.values()))
    if at_once == 1:
        assert len([*itertools.groupby(seen)]) == len(PAGES)
    assert all(len(documents) <= at_once for _, documents in reranker.calls)


@pytest.mark.parametrize("listwise", [True, False])
def test_all_others_get_one_call_a_query(listwise):
    reranker = Counting(caches=listwise, listwise=listwise)
    run(reranker)
    assert [len(documents) for _, documents in reranker.calls] == [4, 3, 4]


def test_a_second_stage_after_a_first_one_that_mteb_ran(tmp_path):
    task = make_task(candidates=None)
    first = {"default": {"test": {q: dict.fromkeys(names, 1.0) for q, names in CANDIDATES.items()}}}
    first["mteb_model_meta"] = {"model_name": "first/stage", "revision": "1"}
    (tmp_path / task.prediction_file_name).write_text(json.dumps(first))
    _, found = run(OCRReranker(), task.convert_to_reranking(tmp_path, top_k=2))
    assert {q: set(scores) for q, scores in found.items()} == {
        query: set(names[:2]) for query, names in CANDIDATES.items()
    }


def test_without_candidates_the_error_says_where_they_come_from():
    with pytest.raises(InvalidInputError, match=r"does not search.*convert_to_reranking"):
        run(Counting(), make_task(candidates=None))


def test_candidates_that_are_missing_or_unknown():
    some = {query: names for query, names in CANDIDATES.items() if query != "q-pump"}
    with pytest.warns(RerankWarning, match="1 of 3 queries have no candidates, such as 'q-pump'"):
        _, found = run(Counting(), make_task(candidates=some))
    assert found["q-pump"] == {}
    with pytest.raises(InvalidInputError, match="'q-pump' include 'nowhere'"):
        run(Counting(), make_task(candidates=CANDIDATES | {"q-pump": ["nowhere"]}))


def test_images_in_queries_are_read():
    data = PAGES["turbine"][1]
    queries = table({"id": ["q-torque"], "image": [{"bytes": data, "path": None}]})
    reranker = Counting()
    run(reranker, make_task(category="i2it", queries=queries, judged={"q-torque": {"turbine": 1}}))
    assert reranker.calls[0][0] == Content(None, [Image.from_bytes(data)])


def test_a_reranker_of_texts_gets_no_images():
    reranker = Counting()
    reranker.modalities = Modalities(blank_text=True)
    run(reranker)
    assert not any(one.images for _, documents in reranker.calls for one in documents)


def test_columns_that_the_task_does_not_name_are_not_read():
    reranker = Counting()
    judged = {"q-torque": {"turbine": 1}}
    run(reranker, make_task(category="t2i", candidates={"q-torque": ["turbine"]}, judged=judged))
    ((_, (one,)),) = reranker.calls
    assert one == Content(None, [Image.from_bytes(PAGES["turbine"][1])])


def test_a_document_without_anything_to_read_is_named():
    with pytest.raises(InvalidInputError, match="document 'visit' has nothing that"):
        run(Counting(), make_task(category="t2i"))


def test_a_damaged_image_stops_the_run():
    corpus = table({"id": ["bad"], "image": [{"bytes": b"no image", "path": None}]})
    candidates, judged = {"q-pump": ["bad"]}, {"q-pump": {"bad": 1}}
    task = make_task(category="t2i", corpus=corpus, candidates=candidates, judged=judged)
    with pytest.raises(ImageError):
        run(OCRReranker(), task)


def test_documents_that_a_failed_call_left_unscored_stop_the_run():
    with pytest.raises(RerankError, match='on_error="raise"'):
        run(Counting(fails=True))


def test_at_most_top_k_results_the_best():
    model, task = MTEBReranker(Counting()), make_task()
    task.load_data()
    split = task.dataset["default"]["test"]
    where = {"task_metadata": task.metadata, "hf_split": "test", "hf_subset": "default"}
    with pytest.raises(InvalidInputError, match="index"):
        model.search(texts(), top_k=2, top_ranked=CANDIDATES, encode_kwargs={}, **where)
    model.index(pages(), encode_kwargs={}, num_proc=None, **where)
    found = model.search(
        split["queries"], top_k=2, top_ranked=CANDIDATES, encode_kwargs={"show_progress_bar": False},
        num_proc=None, **where,
    )  # fmt: skip
    assert list(found["q-torque"]) == ["turbine", "visit"]


class StoppedError(Exception):
    """What stops a run in these tests."""


class Stopping(Counting):
    """Fails at its third call."""

    def _score(self, query, documents):
        if len(self.calls) == 2:
            raise StoppedError
        return super()._score(query, documents)


@pytest.mark.parametrize("listwise", [True, False])
def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, listwise):
    _, whole = run(Counting(listwise=listwise))
    with pytest.raises(StoppedError):
        run(Stopping(listwise=listwise), scores_folder=tmp_path)
    reranker = Counting(listwise=listwise)
    _, found = run(reranker, scores_folder=tmp_path)
    assert len(reranker.calls) == 1
    assert found == whole
    run(reranker, scores_folder=tmp_path)
    assert len(reranker.calls) == 1


def test_other_candidates_are_other_scores_only_where_documents_matter_to_each_other(tmp_path):
    fewer = CANDIDATES | {"q-torque": ["turbine"]}
    for listwise, calls in [(True, 6), (False, 3)]:
        reranker = Counting(listwise=listwise)
        folder = tmp_path / str(listwise)
        run(reranker, scores_folder=folder)
        run(reranker, make_task(candidates=fewer), scores_folder=folder)
        assert len(reranker.calls) == calls


def test_without_mteb_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    with pytest.raises(MissingDependencyError, match=r"needs mteb, .*mmrerank\[mteb\]"):
        MTEBReranker(Counting())


def test_values_that_cannot_be_used():
    with pytest.raises(InvalidInputError, match="a Reranker is needed"):
        MTEBReranker("ocr")
    with pytest.raises(InvalidInputError, match="organization/model"):
        MTEBReranker(Counting(), name="own")
    with pytest.raises(InvalidInputError, match="at least 1"):
        MTEBReranker(Counting(), documents_at_once=0)


def test_the_pages_of_these_tests_are_as_mteb_reads_them():
    assert [document(one).text for one in PAGES] == [document_text(row) for row in pages()]
