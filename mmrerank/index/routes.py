"""Routes: the ways in which a search finds candidates. Each ranks entries; rankings are fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from mmrerank.errors import InvalidInputError
from mmrerank.index.duplicates import Found, distinct
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.rank_fusion import Fusion, Ranking, fuse
from mmrerank.types import Content

__all__ = ["WEIGHTS", "Keep", "Route", "WordRoute", "best_kept", "find"]

WEIGHTS = {"words": 1.0, "vectors": 1.0, "captions": 1.0, "images": 1.0}
"""The weight of each route in the fusion of rankings."""

_WIDER = 4  # times as many candidates are asked for if filters or stale entries left too few

Keep = Callable[[Entry], bool] | None
"""A filter: whether an entry may be a result. None accepts all."""


class Route(Protocol):
    """One way to find entries for a query."""

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """The numbers of the best `k` entries that `keep` accepts with their scores, best first.

        An entry with several vectors is listed once, at its best. A query without what the route
        searches by finds nothing.
        """


class WordRoute:
    """BM25 over the words of the ledger's entries."""

    def __init__(self, ledger: Ledger, lexical: LexicalRoute) -> None:
        self._ledger, self._lexical = ledger, lexical

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """See `Route`. Raises `StoreError`."""
        if not query.text:
            return []

        def best(count: int) -> tuple[Ranking, bool]:
            matches = self._lexical.search(query.text or "", count)
            return matches, len(matches) < count

        return best_kept(best, k, keep, self._ledger)


def best_kept(
    best: Callable[[int], tuple[Ranking, bool]], k: int, keep: Keep, ledger: Ledger
) -> Ranking:
    """The best `k` entries that `keep` accepts: `best` is asked for more until there are enough.

    `best(count)` returns about the `count` best entries, and whether these are all. Entries are
    read from the ledger only if there is a filter.
    """
    count = k
    while True:
        ranking, is_all = best(count)
        if keep is not None:
            entries = ledger.numbered([number for number, _ in ranking])
            ranking = [(n, score) for n, score in ranking if n in entries and keep(entries[n])]
        if len(ranking) >= k or is_all:
            return ranking[:k]
        count *= _WIDER


def find(
    routes: Mapping[str, Route],
    query: Content,
    k: int,
    ledger: Ledger,
    *,
    keep: Keep = None,
    weights: Mapping[str, float] = WEIGHTS,
    fusion: Fusion = "ranks",
) -> list[Found]:
    """The best `k` candidates of all routes, which run side by side. Raises what a route raises.

    All entries are read by one statement, so that what a writer replaces meanwhile is never there
    in both versions.
    """
    if not routes:
        raise InvalidInputError("a search needs at least one route")
    ranked = _side_by_side(routes, query, k, keep)
    fused = fuse(ranked, weights, fusion)
    ranks = {
        name: {number: rank for rank, (number, _) in enumerate(found, start=1)}
        for name, found in ranked.items()
    }
    entries = ledger.numbered([number for number, _ in fused])
    candidates = [
        Found(entries[n], score, {name: own[n] for name, own in ranks.items() if n in own})
        for n, score in fused
        if n in entries
    ]
    refs = {ref for found in candidates for ref in found.entry.images}
    return distinct(candidates, ledger.pictures(sorted(refs)))[:k]


def _side_by_side(
    routes: Mapping[str, Route], query: Content, k: int, keep: Keep
) -> dict[str, Ranking]:
    """What each route finds; the last one runs in this thread."""
    *others, last = routes
    with ThreadPoolExecutor(max(1, len(others)), "mmrerank-route") as pool:
        running = {name: pool.submit(routes[name].search, query, k, keep) for name in others}
        own = routes[last].search(query, k, keep)
        return {name: future.result() for name, future in running.items()} | {last: own}
