"""The model, its queue and its index while a server runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from mmrerank.base import Reranker
from mmrerank.index.index import Index
from mmrerank.serve.body import Bodies
from mmrerank.serve.metrics import Metrics
from mmrerank.serve.problems import RefusedError
from mmrerank.serve.scheduler import Scheduler, SchedulerStats
from mmrerank.serve.search import Searches
from mmrerank.serve.settings import Settings
from mmrerank.threads import run_in_thread

__all__ = ["Service", "off_loop"]

T = TypeVar("T")

_SMALL = 256 * 1024  # bytes that are parsed or written in a millisecond or two


class Service:
    """One reranker behind a queue, and the index that it searches, if there is one.

    `load` and `open_index` make them, in a thread, while the server already answers.

    A request is let in by `open`, which refuses while the model is loading and while the server is
    draining. `failure` is what went wrong if the model cannot be loaded.
    """

    def __init__(
        self,
        load: Callable[[], Reranker],
        settings: Settings,
        open_index: Callable[[], Index] | None = None,
    ) -> None:
        self.settings = settings
        self.bodies = Bodies(settings)
        self.metrics = Metrics(self._stats)
        self.failure: Exception | None = None
        self.is_draining = False
        self.has_index = open_index is not None
        self._load, self._open_index = load, open_index
        self._index: Index | None = None
        self._searches: Searches | None = None
        self._scheduler: Scheduler | None = None
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_ready(self) -> bool:
        """Whether requests are let in."""
        return self._scheduler is not None and self._scheduler.is_ready and not self.is_draining

    @property
    def state(self) -> str:
        """In a word: what it is doing."""
        if self.is_draining:
            return "draining"
        return "ready" if self.is_ready else "loading"

    @property
    def scheduler(self) -> Scheduler:
        """The queue. Raises `RefusedError` while the model is loading and while it is draining."""
        if self._scheduler is None or not self.is_ready:
            raise RefusedError(503, self.state, f"the server is {self.state}", retry_after=5.0)
        return self._scheduler

    @property
    def searches(self) -> Searches:
        """The searches of the index. Raises as `scheduler`."""
        _ = self.scheduler
        if self._searches is None:
            raise RefusedError(404, "no_index", "the server has no index")
        return self._searches

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let a request in: it is finished before the server ends. Raises as `scheduler` does."""
        _ = self.scheduler
        self._open += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def load(self) -> None:
        """Load the model and start the queue; an error is kept as `failure`."""
        try:
            reranker = await asyncio.wrap_future(run_in_thread(self._load))
            if self._open_index is not None:
                self._index = await asyncio.wrap_future(run_in_thread(self._open_index))
        except Exception as error:  # told by whoever started the server
            self.failure = error
            return
        scheduler = Scheduler(
            reranker,
            max_queue_tokens=self.settings.max_queue_tokens,
            max_queue_seconds=self.settings.max_queue_seconds,
        )
        scheduler.start()
        if self._index is not None:
            self._searches = Searches(self._index, scheduler, self.settings.max_searches)
        self._scheduler = scheduler

    async def drain(self) -> bool:
        """Let nothing in, and finish what was let in, within `drain_seconds`.

        Returns whether all of it was answered.
        """
        self.is_draining = True
        end = time.monotonic() + self.settings.drain_seconds
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self.settings.drain_seconds)
        if self._scheduler is None:
            return True
        return await self._scheduler.drain(max(0.0, end - time.monotonic()))

    async def close(self) -> None:
        """Drain what is left, free the model and close the index."""
        if self._scheduler is not None:
            await self.drain()
            await asyncio.wrap_future(run_in_thread(self._scheduler.reranker.close))
            self._scheduler = None
        if self._index is not None:
            await asyncio.wrap_future(run_in_thread(self._index.close))
            self._index = None

    def _stats(self) -> SchedulerStats | None:
        return None if self._scheduler is None else self._scheduler.stats()


async def off_loop(size: int, function: Callable[[], T]) -> T:
    """The result of `function`; for more than a few bytes it runs in a thread, so that the loop
    can answer others meanwhile.
    """
    if size <= _SMALL:
        return function()
    return await asyncio.wrap_future(run_in_thread(function))
