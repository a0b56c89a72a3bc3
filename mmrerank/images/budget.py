"""How much is decoded at the same time: pixels are memory, and one small file can hold many."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["PixelBudget"]


class PixelBudget:
    """Lets threads decode together while their images have at most `total` pixels in all.

    Those that wait take their turn in order, so that a large image is not passed by small ones
    for ever.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._start()
        if hasattr(os, "register_at_fork"):
            start = weakref.WeakMethod(self._start)
            os.register_at_fork(after_in_child=lambda: (start() or _nothing)())

    def _start(self) -> None:
        """Nobody decodes: in a new budget, and in a forked child, which has one thread."""
        self._left = self._total
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """Hold so many pixels during the block; an image larger than `total` is alone."""
        amount = min(pixels, self._total)
        with self._changed:
            self._wait_for(amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()

    def _wait_for(self, amount: int) -> None:
        turn = object()
        self._waiting.append(turn)
        try:
            self._changed.wait_for(lambda: self._waiting[0] is turn and self._left >= amount)
        finally:  # also when the wait is interrupted
            self._waiting.remove(turn)
            self._changed.notify_all()


def _nothing() -> None:
    """In place of a budget that is gone."""
