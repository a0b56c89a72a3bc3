"""What the base class adds to `_score`: checks, sorting and usage. All rerankers: test_contract."""

from __future__ import annotations

import math

import pytest

from mmrerank import Content, InvalidResponseError, Reranker, Scored, Usage
from mmrerank.base import collected_usage, rank

DOCUMENTS = [Content("a"), Content("b"), Content("c")]


class Scripted(Reranker):
    """Gives the scores that it was made with, whatever the documents are."""

    model = "scripted"

    def __init__(self, *scores: float, **options):
        super().__init__(**options)
        self.scores = scores

    def _score(self, query, documents):
        self._report(Usage(model=self.model, documents=len(documents), parts=0, images=0))
        return [Scored(score) for score in self.scores]


@pytest.mark.parametrize("scores", [(), (1.0,), (1.0, 2.0, 3.0), (1.0, math.nan), (1.0, math.inf)])
def test_anything_but_one_finite_score_per_document_is_an_error(scores):
    with pytest.raises(InvalidResponseError, match="scripted gave"):
        Scripted(*scores).score("q", ["a", "b"])


def test_scores_are_floats():
    assert [type(score) for score in Scripted(1, 2).score("q", ["a", "b"])] == [float, float]


def test_rank_is_stable_and_cuts_after_sorting():
    scored = [Scored(0.1), Scored(0.9), Scored(0.1)]
    assert [result.index for result in rank(DOCUMENTS, scored)] == [1, 0, 2]
    assert [result.index for result in rank(DOCUMENTS, scored, top_n=2)] == [1, 0]
    assert [result.index for result in rank(DOCUMENTS, scored, min_score=0.5)] == [1]


def test_documents_without_a_score_stay_despite_min_score():
    scored = [Scored(0.0, is_scored=False)] * 3
    assert len(rank(DOCUMENTS, scored, min_score=0.5)) == 3


def test_usage_is_collected_beside_the_callback():
    reported: list[Usage] = []
    reranker = Scripted(1.0, on_usage=reported.append)
    with collected_usage() as usage:
        reranker.score("q", ["a"])
    reranker.score("q", ["a"])
    assert [one.documents for one in usage] == [1]
    assert len(reported) == 2


def test_usage_within_another_collection_counts_in_both():
    with collected_usage() as outer:
        with collected_usage() as inner:
            Scripted(1.0).score("q", ["a"])
        Scripted(1.0).score("q", ["a"])
    assert (len(outer), len(inner)) == (2, 1)
