"""Whether two systems differ, by the questions that both were asked.

Both tests draw with a fixed seed, so that the same values give the same numbers. They say how much
depends on which questions were asked, nothing about other documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmrerank.errors import InvalidInputError
from mmrerank.optional import require

__all__ = ["DRAWS", "Comparison", "Interval", "bootstrap_interval", "compare", "randomisation_test"]

DRAWS = 10_000

_SEED = 0
_LEVEL = 95.0  # percent
_BLOCK = 2_000_000  # values drawn at once
_ROUNDING = 1e-12  # two means that are equal may differ by this


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a second system differs from a first: mean of the differences, p, and questions won.

    `p` is the probability of a difference at least as large, either way, if it were chance which of
    the two systems gave which value.
    """

    difference: Interval
    p: float
    wins: int
    losses: int
    ties: int


def bootstrap_interval(values: Sequence[float], *, draws: int = DRAWS) -> Interval:
    """The mean and its interval, by drawing questions with replacement (percentiles).

    Of differences between two systems, this is the paired bootstrap. Raises `InvalidInputError`
    for no values.
    """
    np = _numpy()
    array = _array(values)
    means = np.concatenate([array[picks].mean(axis=1) for picks in _picks(len(array), draws)])
    low, high = np.percentile(means, [(100 - _LEVEL) / 2, (100 + _LEVEL) / 2])
    return Interval(float(array.mean()), float(low), float(high))


def _picks(count: int, draws: int) -> Iterator[Any]:
    """Numbers of values, a row a draw, in blocks."""
    rng = _numpy().random.default_rng(_SEED)
    rows = max(1, _BLOCK // count)
    for done in range(0, draws, rows):
        yield rng.integers(count, size=(min(rows, draws - done), count))


def randomisation_test(differences: Sequence[float], *, draws: int = DRAWS) -> float:
    """The two-sided p of the mean of paired differences, by turning their signs around at random.

    Few questions have few patterns of signs: then all are tried, and p is exact. Otherwise the
    observed pattern counts as one of the draws, so that p is never 0. Raises `InvalidInputError`
    for no values.
    """
    np = _numpy()
    array = _array(differences)
    array = array[array != 0]  # its sign means nothing
    if not len(array):
        return 1.0
    observed = abs(array.sum()) - _ROUNDING * np.abs(array).sum()
    if 2 ** min(len(array), 60) <= draws:
        patterns = np.arange(2 ** len(array))[:, None] >> np.arange(len(array)) & 1
        return float((np.abs((1 - 2 * patterns) @ array) >= observed).mean())
    rng = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK // len(array))
    extreme = 1
    for done in range(0, draws, rows):
        signs = rng.integers(2, size=(min(rows, draws - done), len(array))) * 2 - 1
        extreme += int((np.abs(signs @ array) >= observed).sum())
    return extreme / (draws + 1)


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """The second system's values against the first's, question by question in the same order.

    Raises `InvalidInputError` unless both have the same number of values, at least one.
    """
    if len(first) != len(second):
        raise InvalidInputError("two systems can be compared by the same questions only")
    differences = [b - a for a, b in zip(first, second, strict=True)]
    wins, losses = (sum(sign * d > 0 for d in differences) for sign in (1, -1))
    return Comparison(
        difference=bootstrap_interval(differences),
        p=randomisation_test(differences),
        wins=wins,
        losses=losses,
        ties=len(differences) - wins - losses,
    )


def _array(values: Sequence[float]) -> Any:
    array = _numpy().array(values, dtype=float)
    if not len(array):
        raise InvalidInputError("there are no values to compare")
    return array


def _numpy() -> Any:
    return require("numpy", extra="eval", purpose="evaluation")
