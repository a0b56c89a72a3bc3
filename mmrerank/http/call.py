"""One call of a reranker: what to score, which scores are known, and the usage to report."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mmrerank.fusion import FanOut, Fusion
from mmrerank.images.decode import read_bytes
from mmrerank.types import Content, Scored, Usage

__all__ = ["RerankCall", "UsageCounter", "digest", "score_keys"]

_logger = logging.getLogger("mmrerank.http")


class UsageCounter:
    """Counts of one call, for its `Usage` and its log line. Threads add to it."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(
            ("requests", "retries", "tokens", "bytes_sent", "cache_hits", "truncated"), 0
        )
        self.started = time.monotonic()
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        """Add to the counts of these names."""
        with self._lock:
            for name, count in counts.items():
                self.counts[name] += count

    def usage(self, model: str, documents: int, plan: FanOut, queries: int) -> Usage:
        """The counts as `Usage`; `total_tokens` is None where the service reports no tokens."""
        counts = dict(self.counts)
        tokens = counts.pop("tokens")
        return Usage(
            model=model,
            documents=documents,
            parts=len(plan.items) * queries,
            images=sum(len(item.images) for item in plan.items) * queries,
            total_tokens=tokens or None,
            **counts,
        )


@dataclass
class RerankCall:
    """The query parts and items of one call, and the scores known so far.

    `documents` counts the caller's documents; `plan` says which items they consist of.
    `keys[q][i]` identifies the score of item `i` for query part `q`; equal keys have equal
    scores. `deadline` is a time of `time.monotonic`.
    """

    documents: int
    plan: FanOut
    queries: list[Content]
    keys: list[list[bytes]]
    deadline: float
    scores: dict[bytes, float]
    counter: UsageCounter = field(default_factory=UsageCounter)

    def missing(self, query: int) -> dict[bytes, Content]:
        """The items still to be scored for query part `query`, each once, in order."""
        return {
            key: item
            for key, item in zip(self.keys[query], self.plan.items, strict=True)
            if key not in self.scores
        }

    def fuse(self, fusion: Fusion) -> list[Scored]:
        """One `Scored` a document: each item's mean over the query parts, then fused."""
        count = len(self.queries)
        means = [
            math.fsum(self.scores[key] for key in item_keys) / count
            for item_keys in zip(*self.keys, strict=True)
        ]
        return self.plan.fuse(means, fusion)

    @contextmanager
    def usage_reported(self, model: str, report: Callable[[Usage], None]) -> Iterator[None]:
        """At the end of the block, report the usage and log a line, even after an error."""
        outcome = "cancelled"
        try:
            yield
            outcome = "ok"
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            usage = self.counter.usage(model, self.documents, self.plan, len(self.queries))
            _log(usage, time.monotonic() - self.counter.started, outcome)
            report(usage)


def _log(usage: Usage, seconds: float, outcome: str) -> None:
    """One line at debug level, of counts only: no text, image, key or header."""
    if not _logger.isEnabledFor(logging.DEBUG):
        return
    counts = {**dataclasses.asdict(usage), "seconds": round(seconds, 4), "outcome": outcome}
    line = " ".join(f"{name}={value}" for name, value in counts.items())
    _logger.debug("rerank %s", line, extra={"mmrerank": counts})


def score_keys(
    context: bytes, queries: list[Content], plan: FanOut, *, listwise: bool
) -> list[list[bytes]]:
    """For each query part, a key for each item: a hash of `context`, the query and the item.

    `context` identifies the model and its options. An image is hashed by its bytes, so that a
    changed file gets another key, and equal files the same one. For a listwise model all items
    are part of each key.
    """
    items = [_content_digest(item) for item in plan.items]
    if listwise:
        context = digest([context, *items])
    return [
        [digest([context, query, item]) for item in items]
        for query in map(_content_digest, queries)
    ]


def digest(pieces: Iterable[bytes]) -> bytes:
    """16 bytes that identify this sequence of byte strings."""
    hasher = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        hasher.update(len(piece).to_bytes(8))  # so that no two sequences look the same
        hasher.update(piece)
    return hasher.digest()


def _content_digest(content: Content) -> bytes:
    text = b"\0" if content.text is None else b"t" + content.text.encode("utf-8", "surrogatepass")
    if not content.images:
        return digest([text])
    images = [
        image.url.encode() if image.url is not None else hashlib.sha256(read_bytes(image)).digest()
        for image in content.images
    ]
    return digest([text, *images])
