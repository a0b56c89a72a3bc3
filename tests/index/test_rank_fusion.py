"""Weighted reciprocal rank fusion."""

from __future__ import annotations

import pytest

from mmrerank.index.rank_fusion import K, fuse_ranks


def test_what_two_routes_agree_on_comes_first():
    fused = fuse_ranks({"words": ["a", "b"], "vectors": ["c", "b"]})
    assert fused[0] == ("b", pytest.approx(2 / (K + 2)))
    assert [item for item, _ in fused] == ["b", "a", "c"]


def test_a_weight_of_zero_silences_a_route():
    assert fuse_ranks({"words": ["a"], "vectors": ["b"]}, {"words": 0.0})[0][0] == "b"
