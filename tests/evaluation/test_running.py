"""Systems that are asked, kept answers, and failures."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mmrerank.errors import AuthenticationError, InvalidInputError
from mmrerank.evaluation.data import EvaluationData
from mmrerank.evaluation.questions import read_questions
from mmrerank.evaluation.running import index_state, run_systems
from mmrerank.evaluation.systems import System
from mmrerank.evaluation.trec import write_run
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.testing import FakeReranker
from mmrerank.types import Usage


class Counting(FakeReranker):
    """Counts its calls, and fails from a given one on."""

    def __init__(self, fails_at=None):
        super().__init__()
        self.asked, self.fails_at = 0, fails_at

    def _score(self, query, documents):
        self.asked += 1
        if self.fails_at is not None and self.asked >= self.fails_at:
            raise AuthenticationError("the key is unknown", status_code=401)
        self._report(
            Usage(model="fake", documents=len(documents), parts=1, images=0, requests=1,
                  total_tokens=10, bytes_sent=100)
        )  # fmt: skip
        return super()._score(query, documents)


def reranking(reranker, name="fake", **facts):
    @contextmanager
    def opened():
        yield reranker

    return System(name=name, reranker=opened, identity=facts)


@pytest.fixture
def data(library):
    return EvaluationData(name="d", questions=read_questions(library / "questions.jsonl"))


def test_evidence_of_every_kind_is_found(data, index, tmp_path):
    words, ocr = run_systems(
        data,
        [System(name="words", routes=["words"]), reranking(OCRReranker(), "ocr")],
        index,
        folder=tmp_path,
    )
    assert not words.error
    assert not ocr.error
    for name, units in data.qrels.items():
        assert ocr.records[name].ranking[0] in units
        assert set(words.records[name].ranking) & set(units)


def test_answers_are_kept_and_only_new_questions_are_asked(data, index, tmp_path):
    reranker = Counting()

    def run(questions):
        asked = replace(data, questions=questions)
        (found,) = run_systems(asked, [reranking(reranker)], index, folder=tmp_path)
        return found

    first = run(data.questions[:2])
    assert reranker.asked == 2
    again = run(data.questions)
    assert reranker.asked == 3
    assert again.records["q1"] == first.records["q1"]
    assert again.records["q1"].results() == first.records["q1"].results()
    assert first.records["q1"].counts.tokens == 10
    changed = replace(data.questions[0], question="hall")
    run([changed, data.questions[1]])
    assert reranker.asked == 4
    other = replace(reranking(reranker, model="x"), name="fake")
    run_systems(data, [other], index, folder=tmp_path)
    assert reranker.asked == 7


def test_an_interrupted_run_goes_on_behind_a_line_that_was_cut(data, index, tmp_path):
    reranker = Counting()
    run_systems(data, [reranking(reranker)], index, folder=tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:50])
    (run,) = run_systems(data, [reranking(reranker)], index, folder=tmp_path)
    assert reranker.asked == 4
    assert [json.loads(x)["id"] for x in path.read_text().splitlines() if x.endswith("}")]
    (run,) = run_systems(data, [reranking(reranker)], index, folder=tmp_path)
    assert reranker.asked == 4
    assert list(run.records) == ["q1", "q2", "q3"]


def test_a_system_that_fails_has_its_error_and_the_others_go_on(data, index, tmp_path):
    said = []
    runs = run_systems(
        data,
        [reranking(Counting(fails_at=2), "broken"), System(name="none")],
        index,
        folder=tmp_path,
        on_error=lambda system, message: said.append((system.name, message)),
    )
    assert runs[0].error == "the key is unknown (status 401)"
    assert len(runs[0].records) == 1
    assert len(runs[1].records) == 3
    assert said == [("broken", runs[0].error)]


def test_a_run_from_a_file_needs_no_index(data, tmp_path):
    write_run(tmp_path / "a.run", {"q2": ["b.pdf#page=2"]}, "a")
    (run,) = run_systems(data, [System(name="r", run=tmp_path / "a.run")], None, folder=tmp_path)
    assert run.records["q2"].ranking == ["b.pdf#page=2"]
    assert run.records["q1"].ranking == []
    for wrong in ([System(name="none")], [System(name="r", run=tmp_path)] * 2):
        with pytest.raises(InvalidInputError):
            run_systems(data, wrong, None, folder=tmp_path)


def test_a_search_stays_in_its_file(data, index, tmp_path):
    inside = replace(data.questions[0], within="b.pdf")
    (run,) = run_systems(
        replace(data, questions=[inside]), [System(name="none")], index, folder=tmp_path
    )
    assert all("b.pdf" in unit for unit in run.records["q1"].ranking)
    assert len(index_state(index)) == 64
