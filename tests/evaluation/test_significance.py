"""Intervals and tests of differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank.errors import InvalidInputError
from mmrerank.evaluation.significance import bootstrap_interval, compare, randomisation_test

VALUES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_the_interval_contains_the_mean_and_stays_within_the_values(values):
    found = bootstrap_interval(values, draws=2000)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert min(values) - 1e-9 <= found.low
    assert found.high <= max(values) + 1e-9
    assert found == bootstrap_interval(values, draws=2000)


def test_the_interval_is_about_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(0.3, 1, 400)
    found = bootstrap_interval(list(values))
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - error, abs=0.01)
    assert found.high == pytest.approx(values.mean() + error, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8))
def test_few_questions_have_the_exact_p(differences):
    signs = list(itertools.product([1, -1], repeat=len(differences)))
    sums = [abs(sum(s * d for s, d in zip(one, differences, strict=True))) for one in signs]
    exact = sum(total >= abs(sum(differences)) for total in sums) / len(signs)
    assert randomisation_test(differences) == pytest.approx(exact)


def test_many_questions_have_about_the_exact_p():
    differences = [1.0] * 20 + [-1.0] * 8  # two-sided sign test: .0357
    assert randomisation_test(differences) == pytest.approx(0.0357, abs=0.006)
    assert randomisation_test([0.5] * 100) == pytest.approx(1 / 10_001)


def test_chance_alone_is_rarely_significant():
    rng = np.random.default_rng(2)
    found = [randomisation_test(list(rng.normal(0, 1, 12))) for _ in range(400)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_two_systems_are_compared_question_by_question():
    found = compare([0.0, 1.0, 0.5, 0.5], [1.0, 0.5, 1.0, 0.5])
    assert (found.wins, found.losses, found.ties) == (2, 1, 1)
    assert found.difference.mean == pytest.approx(0.25)
    same = compare([1.0, 0.0], [1.0, 0.0])
    assert (same.p, same.difference.low, same.difference.high) == (1.0, 0.0, 0.0)
    for wrong in (([1.0], [1.0, 2.0]), ([], [])):
        with pytest.raises(InvalidInputError):
            compare(*wrong)
