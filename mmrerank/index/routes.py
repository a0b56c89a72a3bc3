"""Routes: the ways in which a search finds candidates. Each ranks entries; ranks are fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from mmrerank.errors import InvalidInputError
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.rank_fusion import fuse_ranks
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.vector_store import VectorStore
from mmrerank.types import Content

__all__ = ["WEIGHTS", "Found", "Route", "TextVectorRoute", "WordRoute", "find"]

WEIGHTS = {"words": 1.0, "vectors": 1.0, "captions": 1.0}
"""The weight of each route in the fusion of ranks."""

_WIDER = 4  # times more candidates are asked for where a filter or a stale entry left too few

Keep = Callable[[Entry], bool] | None


class Route(Protocol):
    """One way to find entries for a query. An image route would embed `query.images`."""

    def search(self, query: Content, k: int, keep: Keep) -> list[tuple[Entry, float]]:
        """The best `k` entries that `keep` accepts, with the route's own scores, best first."""


class WordRoute:
    """BM25 over the words of the ledger's entries."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._lexical = ledger, LexicalRoute(ledger)

    def search(self, query: Content, k: int, keep: Keep) -> list[tuple[Entry, float]]:
        """See `Route`. Raises `StoreError`."""

        def best(count: int) -> list[tuple[Entry, float]]:
            matches = self._lexical.search(query.text or "", count)
            entries = self._ledger.numbered([number for number, _ in matches])
            return [(entries[n], score) for n, score in matches if n in entries]

        return _filtered(best, k, keep, len(self._ledger))


class TextVectorRoute:
    """Cosine similarity of text vectors."""

    def __init__(self, ledger: Ledger, store: VectorStore, embedder: TextEmbedder) -> None:
        self._ledger, self._store, self._embedder = ledger, store, embedder

    def search(self, query: Content, k: int, keep: Keep) -> list[tuple[Entry, float]]:
        """See `Route`. Raises what the vector store raises, and `StoreError`."""
        vector = self._embedder.embed_query(query.text or "")

        def best(count: int) -> list[tuple[Entry, float]]:
            matches = self._store.query(vector, count)
            live = self._ledger.live([match.id for match in matches])
            return [(live[m.id], m.similarity) for m in matches if m.id in live]

        return _filtered(best, k, keep, self._store.count())


def _filtered(
    best: Callable[[int], list[tuple[Entry, float]]], k: int, keep: Keep, most: int
) -> list[tuple[Entry, float]]:
    """The best `k` that pass: more and more are asked for until there are enough, or no more."""
    count = k
    while True:
        matches = best(min(count, most))
        passed = [match for match in matches if keep is None or keep(match[0])]
        if len(passed) >= k or count >= most:
            return passed[:k]
        count *= _WIDER


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: its fused score, and its rank (from 1) on each route that found it."""

    entry: Entry
    score: float
    ranks: Mapping[str, int]


def find(
    routes: Mapping[str, Route],
    query: Content,
    k: int,
    *,
    keep: Keep = None,
    weights: Mapping[str, float] = WEIGHTS,
) -> list[Found]:
    """The best `k` candidates of all routes, which run side by side. Raises what a route raises."""
    if not routes:
        raise InvalidInputError("a search needs at least one route")
    with ThreadPoolExecutor(len(routes), "mmrerank-route") as pool:
        running = {n: pool.submit(r.search, query, k, keep) for n, r in routes.items()}
        matches = {name: future.result() for name, future in running.items()}
    entries = {entry.number: entry for found in matches.values() for entry, _ in found}
    ranks = {
        name: {entry.number: rank for rank, (entry, _) in enumerate(found, start=1)}
        for name, found in matches.items()
    }
    candidates = [
        Found(entries[n], score, {name: own[n] for name, own in ranks.items() if n in own})
        for n, score in fuse_ranks(ranks, weights)
    ]
    return _distinct(candidates)[:k]


def _distinct(candidates: Sequence[Found]) -> list[Found]:
    """Candidates without those that repeat the text and the images of a better one."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    distinct: list[Found] = []
    for candidate in candidates:
        key = (" ".join(candidate.entry.text.split()), candidate.entry.images)
        if key not in seen:
            seen.add(key)
            distinct.append(candidate)
    return distinct
