"""What one request may hold, and how fast and how many may go at once.

Nothing here waits, and nothing belongs to an event loop: `Rate` says how long to wait, `Slots`
hands out futures that threads and tasks wait for alike (see `drive`).
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

__all__ = ["Limits", "Rate", "Slots", "split", "spread", "token_count"]

_WINDOW = 60.0  # seconds; services count requests and tokens a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold at most; `tokens` is None where the service names no limit.

    `bytes` counts the encoded documents. A single document that exceeds it goes alone.
    """

    documents: int = 64
    images: int = 20
    tokens: int | None = None
    bytes: int = 8 * 2**20


def token_count(content: Content, per_image: int) -> int:
    """An estimate, rather high than low: a token is seldom fewer than three bytes of UTF-8."""
    text = content.text or ""
    return len(text.encode("utf-8", "replace")) // 3 + 1 + per_image * len(content.images)


def split(
    items: list[Content], query: Content, limits: Limits, tokens_per_image: int
) -> list[list[Content]]:
    """`items` in order, in as many batches as the limits ask for.

    Tokens are counted as services charge them: the query once for every document.
    """
    asked = token_count(query, tokens_per_image)
    batches: list[list[Content]] = []
    images = tokens = 0
    for item in items:
        cost = asked + token_count(item, tokens_per_image)
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


def spread(items: list[Content], limits: Limits, at_once: int) -> Limits:
    """Limits that give each of the calls at once its share of the images, four at least.

    Shrinking large images takes longer than a request: let all calls begin, and threads share it.
    """
    share = math.ceil(sum(len(item.images) for item in items) / at_once)
    return replace(limits, images=min(limits.images, max(4, share)))


class Rate:
    """Requests and tokens a minute: no window of 60 seconds ever holds more; None is no limit.

    Who asks gets a time of its own, later the more have asked before, so no one is overtaken.
    """

    def __init__(
        self,
        requests: int | None = None,
        tokens: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests, self._tokens, self._clock = requests, tokens, clock
        self._lock = threading.Lock()
        self._log: deque[tuple[float, int]] = deque()  # when each request goes, and its tokens
        self._sum = 0
        self._earliest = 0.0

    def reserve(self, tokens: int) -> float:
        """Seconds to wait before sending a request of so many tokens, which is counted now."""
        with self._lock:
            now = self._clock()
            start = max(now, self._earliest)
            while self._log and (self._log[0][0] + _WINDOW <= start or self._is_full(tokens)):
                first, cost = self._log.popleft()
                self._sum -= cost
                start = max(start, first + _WINDOW)
            if self._requests is not None or self._tokens is not None:
                self._log.append((start, tokens))
                self._sum += tokens
                self._earliest = start
            return start - now

    def hold(self, seconds: float) -> None:
        """Let nothing start for so long: the service has said so."""
        with self._lock:
            self._earliest = max(self._earliest, self._clock() + seconds)

    def _is_full(self, tokens: int) -> bool:
        return (self._requests is not None and len(self._log) >= self._requests) or (
            self._tokens is not None and self._sum + tokens > self._tokens
        )


class Slots:
    """So many calls at once, first come first served, for threads and tasks of any event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[Future[None]] = deque()
        self._lock = threading.Lock()

    def ask(self) -> Future[None]:
        """A future that is done once the slot is the asker's; `give_back` or `withdraw` it."""
        future: Future[None] = Future()
        with self._lock:
            if self._free == 0:
                self._waiting.append(future)
                return future
            self._free -= 1
        future.set_result(None)
        return future

    def give_back(self) -> None:
        """The slot goes to who has waited longest."""
        with self._lock:
            while self._waiting:
                future = self._waiting.popleft()
                if future.set_running_or_notify_cancel():  # else the asker has gone
                    break
            else:
                self._free += 1
                return
        future.set_result(None)

    def withdraw(self, future: Future[None]) -> None:
        """The asker stops waiting; a slot that it was given meanwhile goes to the next."""
        if not future.cancel():
            self.give_back()
