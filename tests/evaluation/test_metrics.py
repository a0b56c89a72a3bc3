"""Measures of rankings against values computed by hand and by pytrec_eval itself."""

from __future__ import annotations

import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.errors import InvalidInputError
from mmrerank.evaluation.metrics import DEFAULT_MEASURES, check_measures, measure_rankings

QRELS = {"a": {"x": 1, "y": 1}, "b": {"z": 1}, "c": {"u": 3, "v": 1, "w": 0}}
RANKINGS = {"a": ["x", "w", "y"], "c": ["v", "w", "u"], "unjudged": ["x"]}


def test_values_by_hand():
    values = measure_rankings(QRELS, RANKINGS, ["nDCG@10", "R@2", "RR", "AP", "Success@1"])
    best = 1 + 1 / math.log2(3)
    assert values["nDCG@10"]["a"] == pytest.approx((1 + 1 / math.log2(4)) / best)
    assert values["nDCG@10"]["c"] == pytest.approx((1 + 3 / 2) / (3 + 1 / math.log2(3)))
    assert values["R@2"] == {"a": 0.5, "b": 0, "c": 0.5}
    assert values["RR"] == {"a": 1, "b": 0, "c": 1}
    assert values["AP"]["a"] == pytest.approx((1 + 2 / 3) / 2)
    assert values["Success@1"] == {"a": 1, "b": 0, "c": 1}


def test_a_question_without_a_ranking_counts_as_zero():
    for rankings in ({}, {"b": []}):
        values = measure_rankings(QRELS, rankings)
        assert values == {name: dict.fromkeys(QRELS, 0.0) for name in DEFAULT_MEASURES}


@given(st.permutations(["a", "b", "c", "d", "e"]), st.sets(st.sampled_from("abcde"), min_size=1))
def test_the_order_of_a_ranking_decides_whatever_the_ids(ranking, relevant):
    """pytrec_eval orders equal scores by the id, from the last to the first."""
    qrels = {"q": {unit: int(unit in relevant) for unit in "abcde"}}
    values = measure_rankings(qrels, {"q": ranking}, ["RR", "AP", "nDCG@3"])
    assert values["RR"]["q"] == 1 / (1 + min(ranking.index(unit) for unit in relevant))
    scores = {"q": {unit: -float(place) for place, unit in enumerate(ranking)}}
    own = pytrec_eval.RelevanceEvaluator(qrels, {"map", "ndcg_cut.3"}).evaluate(scores)["q"]
    assert values["AP"]["q"] == pytest.approx(own["map"])
    assert values["nDCG@3"]["q"] == pytest.approx(own["ndcg_cut_3"])


def test_what_cannot_be_measured_is_named():
    for name in ("foo", "nDCG@", "nDCG@x", "", "P"):
        with pytest.raises(InvalidInputError, match="measure"):
            check_measures([name])
    assert check_measures(["RR@10", "nDCG@5"]) == ["RR@10", "nDCG@5"]
    with pytest.raises(InvalidInputError, match="twice"):
        measure_rankings(QRELS, {"a": ["x", "x"]})
    with pytest.raises(InvalidInputError, match="'d' has no relevant"):
        measure_rankings({"d": {"x": 0}}, {})
