"""One call of a reranker: what is to be scored, what is known already, and what it has used."""

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

__all__ = ["Tally", "Work", "digest", "keys_of"]

_logger = logging.getLogger("mmrerank.http")


class Tally:
    """Counts of one call, for its `Usage` and its line in the log. Threads add to it."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(
            ("requests", "retries", "tokens", "bytes_sent", "cache_hits"), 0
        )
        self.started = time.monotonic()
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        """Add to the counts of these names."""
        with self._lock:
            for name, count in counts.items():
                self.counts[name] += count

    def usage(self, model: str, documents: int, plan: FanOut, queries: int) -> Usage:
        """The counts; `total_tokens` is None where the service names none."""
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
class Work:
    """The items of one call under their keys, once for each query, and the scores found so far.

    `keys[q][i]` names item `i` asked with query `q`; equal keys have equal scores.
    """

    documents: int
    plan: FanOut
    queries: list[Content]
    keys: list[list[bytes]]
    deadline: float
    scores: dict[bytes, float]
    tally: Tally = field(default_factory=Tally)

    def missing(self, query: int) -> dict[bytes, Content]:
        """The items that must be asked for with this query, each once, in order."""
        return {
            key: item
            for key, item in zip(self.keys[query], self.plan.items, strict=True)
            if key not in self.scores
        }

    def fused(self, fusion: Fusion) -> list[Scored]:
        """One `Scored` a document: the mean over the queries of each item's score, fused."""
        count = len(self.queries)
        means = [
            math.fsum(self.scores[key] for key in asked) / count
            for asked in zip(*self.keys, strict=True)
        ]
        return self.plan.fuse(means, fusion)

    @contextmanager
    def accounted(self, model: str, report: Callable[[Usage], None]) -> Iterator[None]:
        """Report the usage and write the log's line, however the call ends."""
        outcome = "cancelled"
        try:
            yield
            outcome = "ok"
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            usage = self.tally.usage(model, self.documents, self.plan, len(self.queries))
            _log(usage, time.monotonic() - self.tally.started, outcome)
            report(usage)


def _log(usage: Usage, seconds: float, outcome: str) -> None:
    """One line at debug, of counts only: no text, image, key or header."""
    if not _logger.isEnabledFor(logging.DEBUG):
        return
    facts = {**dataclasses.asdict(usage), "seconds": round(seconds, 4), "outcome": outcome}
    line = " ".join(f"{name}={value}" for name, value in facts.items())
    _logger.debug("rerank %s", line, extra={"mmrerank": facts})


def keys_of(
    context: bytes, queries: list[Content], plan: FanOut, *, listwise: bool
) -> list[list[bytes]]:
    """A key for each query and item, made of hashes: of model and options, query and content.

    An image is hashed by its bytes, so that a changed file has another key, and equal files one.
    Where scores depend on the other documents, all of them are part of each key.
    """
    items = [_fingerprint(item) for item in plan.items]
    if listwise:
        context = digest([context, *items])
    return [
        [digest([context, asked, item]) for item in items] for asked in map(_fingerprint, queries)
    ]


def digest(pieces: Iterable[bytes]) -> bytes:
    """16 bytes that name this sequence of byte strings."""
    made = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        made.update(len(piece).to_bytes(8))  # so that no two sequences look the same
        made.update(piece)
    return made.digest()


def _fingerprint(content: Content) -> bytes:
    text = b"\0" if content.text is None else b"t" + content.text.encode("utf-8", "surrogatepass")
    if not content.images:
        return digest([text])
    images = [
        image.url.encode() if image.url is not None else hashlib.sha256(read_bytes(image)).digest()
        for image in content.images
    ]
    return digest([text, *images])
