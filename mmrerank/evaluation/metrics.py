"""Measures of rankings, by ir-measures.

Ties: a ranking is a list, so its order decides. Tools of TREC order equal scores by document id;
so each rank is given a score of its own before they see it. Missing questions: a question without a
ranking counts as 0, and a ranking without a question is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmrerank.errors import InvalidInputError
from mmrerank.optional import require

__all__ = ["DEFAULT_MEASURES", "Qrels", "Rankings", "check_measures", "measure_rankings"]

DEFAULT_MEASURES = ("nDCG@10", "R@10", "RR", "AP")
"""Names of ir-measures; the first is the one that reports compare question by question."""

Rankings = Mapping[str, Sequence[str]]
"""By question, the ids of what was found, best first, each once."""

Qrels = Mapping[str, Mapping[str, int]]
"""By question, the relevance of each piece of evidence; 0 for what was judged irrelevant."""


def check_measures(names: Sequence[str]) -> list[str]:
    """The measures' names as ir-measures writes them. Raises `InvalidInputError` for unknown ones."""
    return [str(_measure(name)) for name in names]


def _measure(name: str) -> Any:
    """A measure by its name. One that needs a cutoff and has none is an error as well."""
    measures = require("ir_measures")
    try:
        measure = measures.parse_measure(name)
        measure.validate_params()
        is_known = _provider().supports(measure)
    except Exception as error:  # NameError, ValueError and others, by what is wrong with the name
        raise InvalidInputError(f"{name!r} is not a measure: {error}") from None
    if not is_known:
        raise InvalidInputError(f"{name!r} is not a measure that is computed here")
    return measure


def _provider() -> Any:
    """What computes measures: pytrec_eval, and what adds RR with a cutoff. Others need programs."""
    measures = require("ir_measures")
    return measures.providers.FallbackProvider([measures.pytrec_eval, measures.msmarco])


def measure_rankings(
    qrels: Qrels, rankings: Rankings, names: Sequence[str] = DEFAULT_MEASURES
) -> dict[str, dict[str, float]]:
    """The value of each measure for each question of `qrels`, by measure, then by question.

    Raises `InvalidInputError` for unknown measures, for a ranking that names something twice, and
    for questions without relevant evidence.
    """
    wanted = {name: _measure(name) for name in names}
    for question, judged in qrels.items():
        if not any(relevance > 0 for relevance in judged.values()):
            raise InvalidInputError(f"question {question!r} has no relevant evidence")
    run = {question: _scores(question, rankings[question]) for question in qrels if rankings.get(question)}  # fmt: skip
    values = {name: dict.fromkeys(qrels, 0.0) for name in names}
    if run:
        evaluator = _provider().evaluator(
            list(wanted.values()), {question: dict(judged) for question, judged in qrels.items()}
        )
        of_measure = {str(measure): name for name, measure in wanted.items()}
        for metric in evaluator.iter_calc(run):
            values[of_measure[str(metric.measure)]][metric.query_id] = float(metric.value)
    return values


def _scores(question: str, ranking: Sequence[str]) -> dict[str, float]:
    """A score for each rank, so that no two are equal."""
    scores = {unit: float(len(ranking) - i) for i, unit in enumerate(ranking)}
    if len(scores) < len(ranking):
        raise InvalidInputError(f"the ranking of question {question!r} has something twice")
    return scores
