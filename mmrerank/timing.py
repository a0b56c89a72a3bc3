"""How long the stages of a piece of work take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Timer", "report_time"]

_collecting: ContextVar[tuple[Timer, ...]] = ContextVar("mmrerank_timers", default=())


class Timer:
    """Adds up the seconds of stages by their names: `timings`."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Add to the seconds of a stage."""
        self.timings[name] = self.timings.get(name, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """The time that the block takes, under `name`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Within the block, what this thread or task passes to `report_time` is added."""
        token = _collecting.set((*_collecting.get(), self))
        try:
            yield
        finally:
            _collecting.reset(token)


def report_time(name: str, seconds: float) -> None:
    """Tell the timers that collect now, if there are any, how long a stage took."""
    for timer in _collecting.get():
        timer.add(name, seconds)
