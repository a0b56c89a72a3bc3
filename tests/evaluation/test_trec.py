"""Runs and qrels in TREC's formats."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrerank.errors import DocumentError, InvalidInputError
from mmrerank.evaluation.metrics import measure_rankings
from mmrerank.evaluation.trec import read_qrels, read_run, write_qrels, write_run

IDS = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=12)
QUIET = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIET
@given(st.dictionaries(IDS, st.lists(IDS, unique=True, min_size=1, max_size=6), max_size=4))
def test_runs_come_back_as_they_were(tmp_path, rankings):
    write_run(tmp_path / "a.run", rankings, "my system")
    assert read_run(tmp_path / "a.run") == rankings


@QUIET
@given(st.dictionaries(IDS, st.dictionaries(IDS, st.integers(0, 3), min_size=1), max_size=4))
def test_qrels_come_back_as_they_were(tmp_path, qrels):
    write_qrels(tmp_path / "qrels.txt", qrels)
    assert read_qrels(tmp_path / "qrels.txt") == qrels


def test_other_tools_read_the_files_alike(tmp_path):
    qrels, rankings = {"q1": {"b": 1, "a": 2}, "q2": {"c": 1}}, {"q1": ["x", "b", "a"]}
    write_qrels(tmp_path / "qrels.txt", qrels)
    write_run(tmp_path / "a.run", rankings, "a")
    measure = ir_measures.parse_measure("nDCG@10")
    theirs = ir_measures.calc_aggregate(
        [measure],
        list(ir_measures.read_trec_qrels(str(tmp_path / "qrels.txt"))),
        list(ir_measures.read_trec_run(str(tmp_path / "a.run"))),
    )[measure]
    ours = measure_rankings(qrels, rankings, ["nDCG@10"])["nDCG@10"]
    assert sum(ours.values()) / 2 == pytest.approx(theirs)


def test_scores_decide_and_among_equal_ones_ranks(tmp_path):
    run = tmp_path / "a.run"
    run.write_text("q Q0 z 2 0.5 t\nq Q0 a 3 0.5 t\n\nq Q0 m 1 -1 t\nq Q0 k 9 7e-1 t\n")
    assert read_run(run) == {"q": ["k", "z", "a", "m"]}


def test_mistakes_are_named_with_their_line(tmp_path):
    path = tmp_path / "a.run"
    for text, what in (
        ("q Q0 a 1 0.5 t\nq Q0 b\n", "line 2 has 3 fields, not 6"),
        ("q Q0 a one 0.5 t\n", "line 1: rank and score"),
        ("q Q0 a 1 .5 t\nq Q0 a 2 .4 t\n", "'q' has a document twice"),
    ):
        path.write_text(text)
        with pytest.raises(DocumentError, match=what):
            read_run(path)
    path.write_text("q 0 a yes\n")
    with pytest.raises(DocumentError, match="line 1: the relevance"):
        read_qrels(path)
    with pytest.raises(DocumentError, match="cannot be read"):
        read_qrels(tmp_path / "none")
    with pytest.raises(InvalidInputError, match="white space"):
        write_run(path, {"q 1": ["a"]}, "t")
