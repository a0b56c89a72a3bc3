"""Many requests, one model: a queue, and one worker thread that owns the model."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from mmrerank.base import Reranker, check_documents, check_query, check_scores, collected_usage
from mmrerank.errors import DrainingError, QueueFullError, RequestTooLargeError
from mmrerank.local.cache.memory import CacheInfo
from mmrerank.types import Content, Scored, Usage

__all__ = ["Scheduler", "SchedulerStats", "ScoredRequest", "estimated_tokens"]

_BYTES_PER_TOKEN = 4
_IMAGE_TOKENS = 768
_FORGET = 0.9  # the weight of what was measured before, with each new measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRequest:
    """The answer to one request: a `Scored` for each document, in order, and what it used.

    `usage.total_tokens` is None where the reranker does not count tokens.
    """

    scored: list[Scored]
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStats:
    """What a scheduler is doing, and what it has done since it was started.

    `queue_tokens` and `queue_seconds` are estimates of the work that was accepted and is not done,
    `requests` how many requests that is, `in_flight` how many items are being computed now.
    `batches`, `items` and `answered` count what is done; `cancelled` the requests whose client
    left, `failed` those that ended with an error. `cache` is None if the reranker has none.
    """

    queue_tokens: int
    queue_seconds: float
    requests: int
    in_flight: int
    batches: int
    items: int
    answered: int
    cancelled: int
    failed: int
    cache: CacheInfo | None


@dataclass(eq=False, slots=True)
class _Request:
    query: Content
    documents: list[Content]
    tokens: int
    future: Future[ScoredRequest] = field(default_factory=Future)


class Scheduler:
    """Answers requests with one reranker, in one thread that owns it.

    `max_queue_tokens` is the most tokens that may wait, `max_queue_seconds` the longest that a new
    request may have to wait, by the speed of the last batches. Both are estimates.
    """

    def __init__(
        self,
        reranker: Reranker,
        *,
        max_queue_tokens: int = 2_000_000,
        max_queue_seconds: float = 60.0,
    ) -> None:
        self.reranker = reranker
        self.max_queue_tokens = max_queue_tokens
        self.max_queue_seconds = max_queue_seconds
        self._changed = threading.Condition()
        self._waiting: deque[_Request] = deque()
        self._accepted: set[_Request] = set()
        self._tokens = self._in_flight = self._batches = self._items = 0
        self._answered = self._cancelled = self._failed = 0
        self._rate = 0.0
        self._thread: threading.Thread | None = None
        self._draining = self._stopped = False

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken: after `start`, until `drain`."""
        return self._thread is not None and self._thread.is_alive() and not self._draining

    def start(self) -> None:
        """Start the worker thread."""
        self._thread = threading.Thread(target=self._work, name="mmrerank-model", daemon=True)
        self._thread.start()

    async def submit(
        self, query: str | Content, documents: Sequence[str | Content]
    ) -> ScoredRequest:
        """The score of each document, in order, once the model has computed them.

        If the awaiting task is cancelled, what is left of its work is not done. Raises
        `QueueFullError`, `RequestTooLargeError`, `DrainingError`, and what the reranker raises.
        """
        contents, question = check_documents(documents), check_query(query)
        request = _Request(question, contents, estimated_tokens(question, contents))
        with self._changed:
            self._admit(request)
            self._accepted.add(request)
            self._tokens += request.tokens
            self._waiting.append(request)
            self._changed.notify_all()
        request.future.add_done_callback(lambda _: self._release(request))
        return await asyncio.wrap_future(request.future)

    async def drain(self, timeout: float) -> bool:
        """Take no more requests, finish those that were taken, and end the worker thread.

        After `timeout` seconds those that are left get a `DrainingError`. Returns whether all were
        answered.
        """
        with self._changed:
            self._draining = True
        end = time.monotonic() + timeout
        while self._accepted and time.monotonic() < end:
            await asyncio.sleep(0.01)
        with self._changed:
            left = list(self._accepted)
            self._stopped = True
            self._changed.notify_all()
        for request in left:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(DrainingError("the server ended before its turn"))
        return not left

    def stats(self) -> SchedulerStats:
        """Counts of now and since the start."""
        info = getattr(self.reranker, "cache_info", None)
        with self._changed:
            return SchedulerStats(
                queue_tokens=self._tokens,
                queue_seconds=self._seconds(),
                requests=len(self._accepted),
                in_flight=self._in_flight,
                batches=self._batches,
                items=self._items,
                answered=self._answered,
                cancelled=self._cancelled,
                failed=self._failed,
                cache=info() if info is not None else None,
            )

    def _seconds(self) -> float:
        return self._tokens / self._rate if self._rate else 0.0

    def _admit(self, request: _Request) -> None:
        if not self.is_ready:
            raise DrainingError("the server is starting or ending, and takes no requests")
        if request.tokens > self.max_queue_tokens:
            raise RequestTooLargeError(
                f"the request has about {request.tokens} tokens; at most {self.max_queue_tokens}"
            )
        if self._tokens + request.tokens > self.max_queue_tokens:
            raise QueueFullError(f"{self._tokens} tokens wait", max(1.0, self._seconds()))
        if self._seconds() > self.max_queue_seconds:
            late = self._seconds() - self.max_queue_seconds
            raise QueueFullError(f"work for {self._seconds():.0f} s waits", max(1.0, late))

    def _release(self, request: _Request) -> None:
        with self._changed:
            self._accepted.discard(request)
            self._tokens -= request.tokens
            with contextlib.suppress(ValueError):
                self._waiting.remove(request)
            if request.future.cancelled():
                self._cancelled += 1
            elif request.future.exception() is not None:
                self._failed += 1
            else:
                self._answered += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopped)
                if self._stopped:
                    return
                request = self._waiting.popleft()
                self._in_flight = 1
            self._run(request)

    def _run(self, request: _Request) -> None:
        began = time.perf_counter()
        error: Exception | None = None
        with collected_usage() as used:
            try:
                scored = self.reranker._score(request.query, request.documents)
                scored = check_scores(scored, len(request.documents), self.reranker.model)
            except Exception as caught:
                error = caught
        rate = request.tokens / max(time.perf_counter() - began, 1e-9)
        with self._changed:
            self._rate = _FORGET * self._rate + (1 - _FORGET) * rate if self._rate else rate
            self._in_flight, self._batches, self._items = 0, self._batches + 1, self._items + 1
        if not request.future.set_running_or_notify_cancel():
            return
        if error is not None:
            request.future.set_exception(error)
        else:
            request.future.set_result(ScoredRequest(scored=scored, usage=used[-1]))


def estimated_tokens(query: Content, documents: Sequence[Content]) -> int:
    """About how many tokens the prompts of a request have."""
    own = _tokens(query)
    return sum(own + _tokens(document) for document in documents)


def _tokens(content: Content) -> int:
    text = len((content.text or "").encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN
    return 1 + text + _IMAGE_TOKENS * len(content.images)
