"""Many requests, one model: a queue in front of one worker thread that owns the model.

There is no timer: while one batch is computed, the requests that arrive wait, and they make up the
next batch. See `queue` for whose turn it is, and `work` for what a batch is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from mmrerank.base import Reranker, check_documents, check_query, collected_usage
from mmrerank.errors import DrainingError
from mmrerank.local.cache.memory import CacheInfo
from mmrerank.serve.limits import Limits
from mmrerank.serve.queue import FairQueue, Outcome, Request, ScoredRequest, Unit, halves
from mmrerank.serve.work import answer, work_of
from mmrerank.types import Content, RerankResult

__all__ = ["Scheduler", "SchedulerStats", "ScoredRequest"]

_Waiting = asyncio.Future[ScoredRequest]
_FEW_TOKENS = 4096  # planned by the loop itself: a thread would take longer to begin


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStats:
    """What a scheduler is doing, and what it has done since it was made.

    `queue_tokens` and `queue_seconds` are estimates of the work that was accepted and is not done,
    `requests` how many requests that is, `in_flight` how many of their units are being computed.
    `batches` and `items` (units) count what was computed, `answered` the requests that were
    answered, `failed` those that ended with an error, and `cancelled` those whose client left.
    `cache` is None if the reranker has none.
    """

    queue_tokens: int
    queue_seconds: float
    requests: int
    in_flight: int
    batches: int
    items: int
    answered: int
    failed: int
    cancelled: int
    cache: CacheInfo | None


class Scheduler:
    """Answers the requests of many tasks with one reranker.

    A local model computes what waits of several requests in one batch, in one thread. A reranker
    that can wait without a thread (a service) gets all requests at once, any other one request
    after the other. Every score is that of `Reranker.score`, within 1e-6.

    `max_queue_tokens` is the most tokens that may wait, `max_queue_seconds` the longest time that
    they may take, by the speed of the last batches. Both are estimates. Raises `InvalidInputError`
    for limits that are not positive. All methods but `stats` belong to one event loop.
    """

    def __init__(
        self,
        reranker: Reranker,
        *,
        max_queue_tokens: int = 2_000_000,
        max_queue_seconds: float = 60.0,
    ) -> None:
        self.reranker = reranker
        self._work = work_of(reranker)
        self._awaits = type(reranker)._ascore is not Reranker._ascore  # noqa: SLF001
        self._changed = threading.Condition()  # guards everything below
        self._limits = Limits(max_queue_tokens, max_queue_seconds)
        self._queue = FairQueue()
        self._requests: dict[Request, _Waiting] = {}  # not answered yet
        self._outside = 0  # tokens of requests that were accepted and are not in the queue
        self._accepted = self._in_flight = self._batches = self._items = 0
        self._answered = self._failed = self._cancelled = 0
        self._tasks: set[asyncio.Task[list[RerankResult]]] = set()
        self._thread: threading.Thread | None = None
        self._draining = self._stopped = False
        self._idle: Future[None] = Future()  # done once it drains and nothing is left

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken: after `start`, until `drain`."""
        return self._thread is not None and not self._draining and not self._stopped

    def start(self) -> None:
        """Start the worker thread. Does nothing the second time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mmrerank-model", daemon=True)
            self._thread.start()

    async def submit(
        self, query: str | Content, documents: Sequence[str | Content]
    ) -> ScoredRequest:
        """The score of each document, in order, and what it used.

        If the awaiting task is cancelled, what is left of its work is not done. Raises
        `QueueFullError`, `RequestTooLargeError`, `DrainingError`, and what the reranker raises.
        """
        contents, question = check_documents(documents), check_query(query)
        tokens = self._work.estimate(question, contents)
        with self._changed:
            if not self.is_ready:
                raise DrainingError("the server is starting or ending, and takes no requests")
            self._limits.check(tokens, self._queue.tokens, self._outside)
            self._accepted += 1
        score = self._in_task if self._awaits else self._in_queue
        try:
            scored = await score(question, contents, tokens)
        except asyncio.CancelledError:
            self._cancelled += 1
            raise
        except Exception:
            self._failed += 1
            raise
        else:
            self._answered += 1
            return scored
        finally:
            with self._changed:
                self._accepted -= 1
                self._note_idle()

    async def drain(self, timeout: float) -> bool:
        """Take no more requests, finish those that were taken, and end the worker thread.

        After `timeout` seconds those that are left get a `DrainingError`. Returns whether all were
        answered. Safe to call twice.
        """
        with self._changed:
            self._draining = True
            self._note_idle()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._idle)), timeout)
        left = self._accepted
        self._stop()
        for task in self._tasks:
            task.cancel()
        return not left

    def stats(self) -> SchedulerStats:
        """Counts of now and since the start."""
        cache_info = getattr(self.reranker, "cache_info", None)
        cache = cache_info() if cache_info is not None else None
        with self._changed:
            return SchedulerStats(
                queue_tokens=sum(self._queue.tokens.values()) + self._outside,
                queue_seconds=self._limits.seconds(self._queue.tokens),
                requests=self._accepted,
                in_flight=self._in_flight,
                batches=self._batches,
                items=self._items,
                answered=self._answered,
                failed=self._failed,
                cancelled=self._cancelled,
                cache=cache,
            )

    async def _in_queue(
        self, query: Content, documents: list[Content], tokens: int
    ) -> ScoredRequest:
        """Have the worker thread compute a request."""
        if tokens <= _FEW_TOKENS and self._work.plans_at_once(query, documents):
            request = self._work.plan(query, documents)
        else:
            with self._outside_of_queue(tokens):
                request = await asyncio.to_thread(self._work.plan, query, documents)
        if not request.left:
            return request.finish(request.results)
        future: _Waiting = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._stopped:
                raise DrainingError("the server ended before the request's turn")
            self._requests[request] = future
            self._queue.add(request)
            self._changed.notify_all()
        try:
            return await future
        finally:
            with self._changed:  # it has its answer, or its client left
                del self._requests[request]
                self._queue.discard(request)

    async def _in_task(
        self, query: Content, documents: list[Content], tokens: int
    ) -> ScoredRequest:
        """Await a reranker that needs no thread."""
        with self._outside_of_queue(tokens), collected_usage() as used:
            task = asyncio.create_task(self.reranker.arerank(query, documents))
            self._tasks.add(task)
            try:
                await asyncio.wait({task})
            finally:
                self._tasks.discard(task)
                task.cancel()  # does nothing if it is done
        if task.cancelled():
            raise DrainingError("the server ended before the request was answered")
        return answer(self.reranker, task.result(), used)

    @contextlib.contextmanager
    def _outside_of_queue(self, tokens: int) -> Iterator[None]:
        with self._changed:
            self._outside += tokens
        try:
            yield
        finally:
            with self._changed:
                self._outside -= tokens

    def _note_idle(self) -> None:
        if self._draining and not self._accepted and not self._idle.done():
            self._idle.set_result(None)

    def _stop(self) -> None:
        """End the worker thread after its batch, and whatever is left."""
        with self._changed:
            self._stopped = True
            left = list(self._requests)
            self._changed.notify_all()
        late = DrainingError("the server ended before the request's turn")
        self._tell([(request, late) for request in left])

    def _run(self) -> None:
        """The worker thread."""
        try:
            while units := self._next_batch():
                self._compute_batch(units)
        finally:  # an error here would be one of ours, and must not leave anybody waiting
            self._stop()

    def _next_batch(self) -> list[Unit]:
        """Waits for work. [] once the thread shall end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._queue))
            if self._stopped:
                return []
            units = self._queue.take(self._work.budget)
            self._in_flight = len(units)
            return units

    def _compute_batch(self, units: list[Unit]) -> None:
        began = time.perf_counter()
        outcomes = self._compute(units)
        seconds = time.perf_counter() - began
        with self._changed:
            self._limits.measured(units[0].read, sum(unit.tokens for unit in units), seconds)
            self._queue.done(units, self._work.is_read)
            self._in_flight, self._batches = 0, self._batches + 1
            self._items += len(units)
        self._tell(outcomes)

    def _compute(self, units: list[Unit]) -> list[tuple[Request, Outcome]]:
        """The requests that are done now. If units fail, each half of their requests goes alone.

        So a document that cannot be scored fails its own request alone.
        """
        requests = list(dict.fromkeys(unit.request for unit in units))
        results = None
        try:
            results = self._work.compute(units)
        except Exception as error:  # whatever it is, it is the answer to one of the requests
            if len(requests) == 1:
                return [(requests[0], error)]
        if results is None:  # outside the handler: the traceback refers to the batch's memory
            first, second = halves(units, requests)
            return [*self._compute(first), *self._compute(second)]
        for unit, result in zip(units, results, strict=True):
            unit.request.put(unit, result)
        done = [r for r in requests if not r.left and r in self._requests]  # or its client left
        return [(request, request.outcome()) for request in done]

    def _tell(self, outcomes: list[tuple[Request, Outcome]]) -> None:
        """Have each loop give its requests their answers: it is woken once for all of them."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Outcome]]] = {}
        for request, outcome in outcomes:
            if future := self._requests.get(request):  # or its client left
                by_loop.setdefault(future.get_loop(), []).append((future, outcome))
        for loop, some in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a loop that was closed: nobody waits there
                loop.call_soon_threadsafe(_settle, some)


def _settle(outcomes: list[tuple[_Waiting, Outcome]]) -> None:
    """Give answers and errors to those who still wait for one."""
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
