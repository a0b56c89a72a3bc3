"""How much one request may carry, how many may run at once, and how many a minute.

Nothing here waits, and nothing belongs to an event loop: `RateLimiter` returns how long to wait,
`Slots` hands out futures that threads and tasks wait for alike (see `drive`).
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from mmrerank.types import Content

__all__ = [
    "Limits",
    "RateLimiter",
    "Slots",
    "estimate_request",
    "estimate_tokens",
    "limits_per_worker",
    "split_into_batches",
]

_WINDOW = 60.0  # seconds; services count requests and tokens a minute

_MIN_IMAGES_PER_WORKER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may carry; `tokens` is None where the service names no limit.

    `bytes` counts the encoded documents. A single document that exceeds one of these goes alone.
    `characters` is the length to which each document's text is cut, with a warning.
    """

    documents: int = 64
    images: int = 20
    tokens: int | None = None
    bytes: int = 8 * 2**20
    characters: int = 2**31


def estimate_tokens(content: Content, per_image: int) -> int:
    """Tokens of text and images, on the high side: few tokens are shorter than three bytes."""
    text = content.text or ""
    return len(text.encode("utf-8", "replace")) // 3 + 1 + per_image * len(content.images)


def estimate_request(query: Content, items: list[Content], per_image: int) -> int:
    """As `estimate_tokens`, for a request, as services charge it: the query once a document."""
    of_items = sum(estimate_tokens(item, per_image) for item in items)
    return of_items + len(items) * estimate_tokens(query, per_image)


def split_into_batches(
    items: list[Content], query: Content, limits: Limits, tokens_per_image: int
) -> list[list[Content]]:
    """`items` in order, in as many batches as the limits require.

    Tokens are counted as services charge them: the query once for every document.
    """
    query_tokens = estimate_tokens(query, tokens_per_image)
    batches: list[list[Content]] = []
    images = tokens = 0
    for item in items:
        cost = query_tokens + estimate_tokens(item, tokens_per_image)
        images, tokens = images + len(item.images), tokens + cost
        if (
            not batches
            or len(batches[-1]) >= limits.documents
            or images > limits.images
            or (limits.tokens is not None and tokens > limits.tokens)
        ):
            batches.append([])
            images, tokens = len(item.images), cost
        batches[-1].append(item)
    return batches


def limits_per_worker(items: list[Content], limits: Limits, workers: int) -> Limits:
    """`limits` with the images shared out evenly, so that all workers have some to shrink.

    Shrinking large images takes longer than a request. At least four images a request remain.
    """
    share = math.ceil(sum(len(item.images) for item in items) / workers)
    return replace(limits, images=min(limits.images, max(_MIN_IMAGES_PER_WORKER, share)))


class RateLimiter:
    """Requests and tokens a minute: no window of 60 seconds ever exceeds them; None is no limit.

    Every request gets a start time of its own, in the order of `reserve`, so none is overtaken.
    """

    def __init__(
        self,
        requests: int | None = None,
        tokens: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests, self._tokens, self._clock = requests, tokens, clock
        self._lock = threading.Lock()
        self._starts: deque[tuple[float, int]] = deque()  # start time and tokens of each request
        self._tokens_in_window = 0
        self._earliest = 0.0

    def reserve(self, tokens: int) -> float:
        """Seconds to wait before sending a request of so many tokens, which is counted now."""
        with self._lock:
            now = self._clock()
            start = max(now, self._earliest)
            while self._starts and (self._starts[0][0] + _WINDOW <= start or self._is_full(tokens)):
                first, cost = self._starts.popleft()
                self._tokens_in_window -= cost
                start = max(start, first + _WINDOW)
            if self._requests is not None or self._tokens is not None:
                self._starts.append((start, tokens))
                self._tokens_in_window += tokens
                self._earliest = start
            return start - now

    def delay(self, seconds: float) -> None:
        """Let no request start for so many seconds, since the service has asked for that."""
        with self._lock:
            self._earliest = max(self._earliest, self._clock() + seconds)

    def _is_full(self, tokens: int) -> bool:
        return (self._requests is not None and len(self._starts) >= self._requests) or (
            self._tokens is not None and self._tokens_in_window + tokens > self._tokens
        )


class Slots:
    """A semaphore, first come first served, for threads and the tasks of any event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[Future[None]] = deque()
        self._lock = threading.Lock()

    def request(self) -> Future[None]:
        """A future that is done once the slot is free for the caller, who then must `release` it.

        A caller who stops waiting must `withdraw` the future.
        """
        future: Future[None] = Future()
        with self._lock:
            if self._free == 0:
                self._waiting.append(future)
                return future
            self._free -= 1
        future.set_result(None)
        return future

    def release(self) -> None:
        """Pass the slot to the caller who has waited longest."""
        with self._lock:
            while self._waiting:
                future = self._waiting.popleft()
                if future.set_running_or_notify_cancel():  # else the caller has withdrawn
                    break
            else:
                self._free += 1
                return
        future.set_result(None)

    def withdraw(self, future: Future[None]) -> None:
        """Stop waiting; a slot that was granted in the meantime goes to the next in line."""
        if not future.cancel():
            self.release()
