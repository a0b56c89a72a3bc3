"""Probabilities, logits, and numbers that are neither."""

from __future__ import annotations

import pytest
from calling import make

from mmrerank import InvalidInputError, RerankWarning, ScoreCache
from mmrerank.http.scale import check_scale, to_probabilities
from mmrerank.testing import LocalRerankServer


def test_logits_become_probabilities():
    assert to_probabilities([0.0, 800.0], "logit", "m") == [0.5, 1.0]


def test_given_scores_stay_as_they_are():
    assert to_probabilities([-0.2, 7.0], "given", "m") == [-0.2, 7.0]


def test_probabilities_outside_0_to_1_keep_their_order_and_are_told():
    assert to_probabilities([1.0004, 0.0], "probability", "m") == [1.0004, 0.0]
    with (
        LocalRerankServer(lambda query, item: 8.4, dialect="vllm") as server,
        make("vllm", server) as made,
        pytest.warns(RerankWarning, match="scale='logit'"),
    ):
        assert made.score("q", ["x"]) == [8.4]


def test_vllms_logits_can_be_said():
    with (
        LocalRerankServer(lambda query, item: 0.0, dialect="vllm") as server,
        make("vllm", server, scale="logit") as made,
    ):
        assert made.score("q", ["x"]) == [0.5]


@pytest.mark.parametrize("name", ["llamacpp", "sglang"])
def test_cached_scores_are_those_of_the_same_scale(name):
    cache = ScoreCache()
    facts = {"/props": {"model_path": "qwen3.gguf"}, "/model_info": {"is_generation": True}}
    with LocalRerankServer(lambda query, item: 0.5, dialect=name, facts=facts) as server:
        scores = set()
        for scale in ("auto", "probability", "logit"):
            with make(name, server, scale=scale, cache=cache) as made:
                scores.add(made.score("q", ["x"])[0])
        assert len(server.requests) == 3
    assert len(scores) == 2


@pytest.mark.parametrize("scale", ["Logit", "", "given", 3])
def test_an_unknown_scale_is_refused(scale):
    with pytest.raises(InvalidInputError, match="scale"):
        check_scale(scale)
