"""What mteb files results by, and the instruction of a task."""

from __future__ import annotations

import pytest

pytest.importorskip("mteb")
pytest.importorskip("torch")

from golden_cases import load
from mteb_tasks import make_task

import mmrerank
from mmrerank import OCRReranker
from mmrerank.evaluation.mteb_meta import model_meta, settings, task_instruction
from mmrerank.fusion import weighted_mean
from mmrerank.local.cache.memory import Reuse


def test_options_that_change_scores_are_part_of_the_experiment():
    with load("jina-reranker-m0", show_progress=True, max_batch_tokens=64) as reranker:
        assert settings(reranker) == {"mmrerank": mmrerank.__version__, "dtype": "float32"}
    with load(
        "jina-reranker-m0",
        joint=True,
        max_query_length=100,
        scores="logit",
        instruction="Find pages",
        fusion=weighted_mean(2.0),
        reuse=Reuse(states="int8"),
        dtype="bfloat16",
    ) as reranker:
        found = settings(reranker)
        name = model_meta(reranker, None, None, found).experiment_name
    assert found == {
        "mmrerank": mmrerank.__version__,
        "dtype": "bfloat16",
        "joint": True,
        "max_query_length": 100,
        "scores": "logit",
        "instruction": "Find pages",
        "fusion": "weighted_mean.<locals>.fuse",
        "states": "int8",
    }
    assert "/" not in name
    assert len(name) < 255


def name_of(model: str, name: str | None = None) -> str:
    reranker = OCRReranker()
    reranker.model = model
    return model_meta(reranker, name, None, {}).name


def test_the_name_is_the_hub_id_unless_it_is_a_folder(tmp_path, monkeypatch):
    assert name_of("someone/model") == "someone/model"
    assert name_of("/models/own") == "mmrerank/own"
    assert name_of("ocr-bm25") == "mmrerank/ocr-bm25"
    assert name_of("/models/own", "me/own") == "me/own"
    (tmp_path / "someone" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert name_of("someone/model") == "mmrerank/model"


def test_the_instruction_of_a_task():
    task = make_task()
    assert task_instruction(task.metadata) == "Find the page that answers the question."
    assert task_instruction(task.metadata.model_copy(update={"prompt": "Why?"})) == "Why?"
    assert task_instruction(task.metadata.model_copy(update={"prompt": None})) is None
