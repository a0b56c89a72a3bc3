"""How much may wait."""

from __future__ import annotations

import pytest

from mmrerank.errors import InvalidInputError, QueueFullError, RequestTooLargeError
from mmrerank.serve.limits import Limits


def test_seconds_are_those_of_the_last_batches():
    limits = Limits(10**6, 60)
    assert limits.seconds({True: 10, False: 10}) == 0.0  # nothing was measured
    limits.measured(False, 100, 1.0)
    assert limits.seconds({True: 10, False: 200}) == pytest.approx(2.0)
    limits.measured(True, 100, 0.1)
    assert limits.seconds({True: 100, False: 200}) == pytest.approx(2.1)
    for _ in range(50):
        limits.measured(False, 100, 0.5)
    assert limits.seconds({True: 0, False: 200}) == pytest.approx(1.0, rel=0.02)


def test_what_does_not_fit_is_refused_with_a_time():
    limits = Limits(1000, 10)
    limits.check(1000, {True: 0, False: 0}, 0)
    with pytest.raises(RequestTooLargeError, match="1001 tokens"):
        limits.check(1001, {True: 0, False: 0}, 0)
    with pytest.raises(QueueFullError, match="900 tokens wait") as caught:
        limits.check(101, {True: 400, False: 400}, 100)
    assert caught.value.retry_after == 1.0
    limits.measured(False, 10, 1.0)
    limits.check(1, {True: 0, False: 100}, 0)
    with pytest.raises(QueueFullError, match="work for 15 s waits; try again in 5 s") as caught:
        limits.check(1, {True: 0, False: 150}, 0)
    assert caught.value.retry_after == pytest.approx(5.0)


@pytest.mark.parametrize("given", [(0, 60), (10, 0), (10, float("nan"))])
def test_limits_are_positive(given):
    with pytest.raises(InvalidInputError):
        Limits(*given)
