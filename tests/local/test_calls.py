"""Calls that are scored together get what each gets alone."""

from __future__ import annotations

import math

import pytest
from golden_cases import golden_image, load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrerank.errors import InvalidInputError, InvalidResponseError, RerankWarning
from mmrerank.local import Reuse
from mmrerank.local.calls import PairScore
from mmrerank.types import Content

M0, VL, TEXT = "jina-reranker-m0", "qwen3-vl-reranker", "qwen3-reranker"
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(6)]
PICTURE, OTHER = golden_image("0_56x56.png"), golden_image("5_33x47.png")


def calls(name: str) -> list[tuple]:
    """Queries of several lengths; documents that calls share, that have parts, that are blank."""
    found = [
        ("q", TEXTS[:4]),
        ("what is torque, and how much of it does the motor need", TEXTS[2:]),
        ("\n\nodd", [TEXTS[3], "", TEXTS[1]]),
    ]
    if name != TEXT:
        both = Content("both", [PICTURE, OTHER])
        found += [
            ("a picture?", [both, Content(images=[PICTURE]), TEXTS[0]]),
            (Content("in words", [OTHER]), [both, TEXTS[0]]),
        ]
    return found


@pytest.mark.parametrize("blocks", [False, True], ids=["rows", "blocks"])
def test_many_calls_get_what_each_gets_alone(name, blocks):
    used = []
    with load(name, on_usage=used.append) as alone:
        wanted = [alone.score(*call) for call in calls(name)]
    wanted_usage = list(used)
    del used[:]
    with load(name, on_usage=used.append) as reranker:
        reranker._engine.blocks = blocks
        for _ in ("cold", "warm"):
            found = reranker.score_many(calls(name))
            for scores, expected in zip(found, wanted, strict=True):
                assert scores == pytest.approx(expected, abs=1e-6, rel=0)
            assert used == wanted_usage
            del used[:]


def test_read_documents_are_scored_together_to_the_bit():
    """Of m0 with one thread: a row's numbers do not depend on the rows beside it."""
    with load(M0) as reranker:
        reranker.warm([document for _, documents in calls(M0) for document in documents])
        wanted = [reranker.score(*call) for call in calls(M0)]
        assert reranker.score_many(calls(M0)) == wanted
        reranker._engine.budget = 40  # several batches, with rows of other calls each
        assert reranker.score_many(calls(M0)) == wanted


def test_a_document_of_several_calls_is_read_once(work):
    """Even if the first query is one whose state cannot be cached."""
    with load(M0) as alone:
        alone.warm(TEXTS[:2])
        tokens = work.done()[1]
        one = alone.score("\n\nodd", TEXTS[:2]), alone.score("q", TEXTS[:2])
        tails = work.done()[1]
    with load(M0) as reranker:
        reranker._engine.multiple = 1
        odd, even = reranker.score_many([("\n\nodd", TEXTS[:2]), ("q", TEXTS[:2])])
        assert odd == pytest.approx(one[0], abs=1e-6)
        assert even == pytest.approx(one[1], abs=1e-6)
        assert work.done()[1] <= tokens + tails
        assert reranker.cache_info().entries == 2


@pytest.mark.slow
def test_without_room_for_states():
    with load(M0, reuse=False) as plain, load(M0, reuse=Reuse(memory=0)) as reranker:
        wanted = [plain.score(*call) for call in calls(M0)]
        for scores, expected in zip(reranker.score_many(calls(M0)), wanted, strict=True):
            assert scores == pytest.approx(expected, abs=1e-6)
        for scores, expected in zip(plain.score_many(calls(M0)), wanted, strict=True):
            assert scores == pytest.approx(expected, abs=1e-6)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.text("aé\n .?中", min_size=1, max_size=40).filter(str.strip),
            st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4, unique=True),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_queries_are_scored_together(loaded, made):
    reranker = loaded(M0)
    reranker.warm(TEXTS)
    for (query, documents), scores in zip(made, reranker.score_many(made), strict=True):
        alone = reranker.score(query, documents)
        assert scores == pytest.approx(alone, abs=1e-6, rel=0)
        assert scores == alone or len(documents) == 1  # one row alone has a kernel of its own


def test_cuts_and_bad_input_are_reported():
    with load(M0, max_length=192, max_query_length=64) as reranker:
        with pytest.warns(RerankWarning, match="1 of 1 documents"):
            reranker.score_many([("q", ["short"]), ("q", ["alpha beta " * 100])])
        with pytest.raises(InvalidInputError, match="query is empty"):
            reranker.score_many([("q", ["d"]), (" ", ["d"])])
        none, one = reranker.score_many([("q", []), ("q", ["d"])])
        assert none == []
        assert one == pytest.approx(reranker.score("q", ["d"]), abs=1e-6)


def test_a_score_that_is_not_finite_fails_its_own_call(loaded):
    reranker = loaded(TEXT)
    good = reranker.plan_call(Content("q"), [Content("d")])
    bad = reranker.plan_call(Content("q"), [Content("a"), Content("b")])
    assert reranker.finish_call(good, [PairScore(0.0, 9, False, False)])[0].score == 0.5
    scores = [PairScore(0.0, 9, False, False), PairScore(math.nan, 9, False, False)]
    with pytest.raises(InvalidResponseError, match=r"documents\[1\] and 0 others"):
        reranker.finish_call(bad, scores)


def test_states_are_known_by_their_keys():
    with load(M0) as reranker, load(M0, reuse=False) as plain, load(VL) as other:
        key = reranker.state_key(Content("d"))
        assert key is not None
        assert not reranker.has_state(key)
        reranker.warm(["d"])
        assert reranker.has_state(key)
        assert reranker.cache_info().hits == 0  # asking is not a look-up
        assert plain.state_key(Content("d")) is None
        assert other.state_key(Content("d")) is None
