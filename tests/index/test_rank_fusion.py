"""Rankings made one, by ranks and by normalised scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.index.rank_fusion import K, fuse, fuse_ranks, fuse_scores


def test_what_two_routes_agree_on_comes_first():
    fused = fuse_ranks({"words": ["a", "b"], "vectors": ["c", "b"]})
    assert fused[0] == ("b", pytest.approx(2 / (K + 2)))
    assert [item for item, _ in fused] == ["b", "a", "c"]


def test_a_weight_of_zero_silences_a_route():
    assert fuse_ranks({"words": ["a"], "vectors": ["b"]}, {"words": 0.0})[0][0] == "b"


def test_normalised_scores_say_by_how_much_one_is_better():
    routes = {
        "words": [("a", 30.0), ("b", 29.0), ("c", 10.0)],
        "images": [("c", 0.31), ("a", 0.30)],
    }
    fused = dict(fuse_scores(routes))
    assert fused == {"a": 0.5, "b": pytest.approx(0.475), "c": 0.5}
    assert fuse_scores(routes, {"words": 0.6, "images": 0.4})[0] == ("a", 0.6)
    assert fuse_scores({"words": [("a", 2.0), ("b", 2.0)], "images": []}) == [
        ("a", 0.5),
        ("b", 0.5),
    ]


@given(
    st.dictionaries(
        st.sampled_from(["words", "vectors", "images"]),
        st.dictionaries(st.integers(0, 9), st.floats(-1e6, 1e6)),
        min_size=1,
    )
)
def test_fused_scores_are_between_0_and_1_and_have_each_item_once(routes):
    rankings = {
        name: sorted(found.items(), key=lambda pair: -pair[1]) for name, found in routes.items()
    }
    for fusion in ("ranks", "scores"):
        fused = fuse(rankings, {}, fusion)
        assert sorted(n for n, _ in fused) == sorted(
            {n for found in routes.values() for n in found}
        )
        assert all(0 <= score <= 1 + 1e-9 for _, score in fused)
        assert [score for _, score in fused] == sorted((s for _, s in fused), reverse=True)
