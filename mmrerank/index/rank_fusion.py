"""Several rankings of the same things made one: by their ranks, or by their normalised scores.

Scores of different routes are never added as they are: a cosine of a text vector, one of an image
vector and a BM25 score have different scales and different spreads.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Literal, TypeAlias, TypeVar

__all__ = ["FUSIONS", "Fusion", "K", "Ranking", "fuse", "fuse_ranks", "fuse_scores"]

Fusion: TypeAlias = Literal["ranks", "scores"]
"""How rankings are made one: see `fuse_ranks` and `fuse_scores`."""

FUSIONS = ("ranks", "scores")

Ranking: TypeAlias = list[tuple[int, float]]
"""Numbers of entries with their scores, best first."""

K = 60
"""The constant of the paper: how little the first ranks of one route outweigh the agreement of two."""

T = TypeVar("T", bound=Hashable)


def fuse_ranks(
    routes: Mapping[str, Iterable[T]], weights: Mapping[str, float] | None = None, *, k: int = K
) -> list[tuple[T, float]]:
    """The items of all routes with the sum of weight / (k + rank), best first.

    Weighted reciprocal rank fusion: Cormack, Clarke and Buettcher 2009. Each route lists its items best first; ranks count from 1. A route without a weight has 1.0.
    Equal sums stay in the order of the first route that has the item.
    """
    sums: dict[T, float] = {}
    for name, items in routes.items():
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        for rank, item in enumerate(items, start=1):
            sums[item] = sums.get(item, 0.0) + weight / (k + rank)
    return sorted(sums.items(), key=lambda pair: -pair[1])


def fuse_scores(
    routes: Mapping[str, Iterable[tuple[T, float]]], weights: Mapping[str, float] | None = None
) -> list[tuple[T, float]]:
    """The items of all routes with the weighted mean of their normalised scores, best first.

    The scores of each route are moved and stretched so that its best item has 1 and its last 0; an
    item that a route did not find has 0 there, and if all that it found have one score, they have 1.
    Unlike ranks, this says by how much one item is better than the next; but the worse a route's
    last items are, the closer together its first ones come. Equal means stay in the order of the
    first route that has the item.
    """
    sums: dict[T, float] = {}
    total = sum(1.0 if weights is None else weights.get(name, 1.0) for name in routes)
    for name, items in routes.items():
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        found = dict(items)
        low, high = min(found.values(), default=0.0), max(found.values(), default=0.0)
        for item, score in found.items():
            share = (score - low) / (high - low) if high > low else 1.0
            sums[item] = sums.get(item, 0.0) + weight * share / total
    return sorted(sums.items(), key=lambda pair: -pair[1])


def fuse(routes: Mapping[str, Ranking], weights: Mapping[str, float], fusion: Fusion) -> Ranking:
    """The entries of all routes, best first, with the score that `fusion` gives them."""
    if fusion == "scores":
        return fuse_scores(routes, weights)
    return fuse_ranks({name: [n for n, _ in found] for name, found in routes.items()}, weights)
