"""Storage that fails is tried again for a while, since a long run shall not end for a short failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from mmrerank.errors import StoreError

__all__ = ["patiently"]

_TRIES, _PAUSE = 4, 2.0  # seconds before the second try, doubled each time

T = TypeVar("T")


def patiently(work: Callable[[], T]) -> T:
    """What `work` returns, which may be done again. Raises its `StoreError` after some tries."""
    for attempt in range(1, _TRIES + 1):
        try:
            return work()
        except StoreError:
            if attempt == _TRIES:
                raise
            time.sleep(_PAUSE * 2 ** (attempt - 1))
    raise AssertionError("unreachable")
