"""Summaries: means, differences, time and cost."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from mmrerank.errors import InvalidInputError
from mmrerank.evaluation.changes_page import changes_page
from mmrerank.evaluation.data import EvaluationData, Evidence, Question
from mmrerank.evaluation.records import Counts, Record
from mmrerank.evaluation.running import SystemRun
from mmrerank.evaluation.summary import summarise
from mmrerank.evaluation.systems import System
from mmrerank.evaluation.tables import print_summary

HOSTILE = "<script>alert(1)</script>\x1b[31m"
DATA = EvaluationData(
    name="library",
    questions=[
        Question(id=f"q{n}", question=f"{HOSTILE} {n}?", type=kind,
                 evidence=[Evidence(file="a.pdf", page=n)])
        for n, kind in ((1, "chart"), (2, "chart"), (3, "text"))
    ],
)  # fmt: skip


def a_run(name, *ranks, price=None, error="", tokens=None):
    """A run in which the evidence has these ranks; None where it was not found."""
    records = {}
    for question, rank in zip(DATA.questions, ranks, strict=False):
        ranking = [f"other{i}" for i in range(9)]
        if rank:
            ranking.insert(rank - 1, question.evidence[0].id)
        seconds = 9.0 if question.id == "q1" else 0.1 * int(question.id[1])
        records[question.id] = Record(
            id=question.id, fingerprint="", ranking=ranking, seconds=seconds,
            is_first=question.id == "q1",
            counts=Counts(requests=2, bytes_sent=500, tokens=tokens),
        )  # fmt: skip
    return SystemRun(System(name=name, price=price), records, error)


RUNS = [
    a_run("broken", 1, error="no key"),
    a_run("none", 2, None, 1),
    a_run("jina", 1, 4, 1, price=20.0, tokens=1000),
]


def test_everything_is_summed_up():
    summary = summarise(DATA, RUNS, ["RR", "Success@1"])
    broken, none, jina = summary.systems
    assert (broken.error, broken.answered, broken.quality) == ("no key", 1, {})
    assert none.quality["RR"].mean == pytest.approx(0.5)
    assert none.against_first == {}
    assert jina.against_first["RR"].difference.mean == pytest.approx(0.25)
    assert (jina.against_first["RR"].wins, jina.against_first["RR"].ties) == (2, 1)
    assert summary.types == {"chart": 2, "text": 1}
    assert none.by_type["chart"]["RR"] == pytest.approx(0.25)
    assert jina.p50 == pytest.approx(0.25)  # without the question that loaded the model
    assert jina.p95 == pytest.approx(0.295)
    assert (jina.tokens, jina.requests, jina.bytes_sent) == (3000, 6, 1500)
    assert jina.cost == pytest.approx(0.06)
    assert none.cost is None
    assert none.tokens is None
    assert json.loads(json.dumps(summary.as_json()))["systems"][2]["values"]["RR"]["q2"] == 0.25


def test_no_questions_and_unknown_measures_are_errors():
    with pytest.raises(InvalidInputError, match="no questions"):
        summarise(EvaluationData(name="d", questions=[]), RUNS)
    with pytest.raises(InvalidInputError, match="not a measure"):
        summarise(DATA, RUNS, ["foo"])


def test_tables_fit_into_80_columns_and_name_what_failed():
    console = Console(record=True, width=80, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    print_summary(console, summarise(DATA, RUNS))
    console.file.close()
    text = console.export_text()
    assert "broken failed after 1 of 3 questions: no key" in text
    assert ".25 (.00 to" not in text
    assert "| 0.06 |" in text
    assert "RR by type" not in text
    assert "nDCG@10 by type" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_page_shows_wins_and_losses_and_runs_nothing():
    runs = [*RUNS, a_run("worse", 3, None, None)]
    html = changes_page(DATA, runs, summarise(DATA, runs))
    assert "jina does better than none on 2 questions" in html
    assert "worse does worse than none on 2 questions" in html
    assert "none: evidence at rank 2" in html
    assert "none: evidence not found" in html
    assert "no key" in html
    assert "<script" not in html
    assert "\x1b" not in html
    assert "&lt;script&gt;" in html
