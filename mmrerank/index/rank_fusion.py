"""Several rankings of the same things made one, by weighted reciprocal rank fusion.

Cormack, Clarke and Buettcher 2009. Scores of different routes are never added: a cosine of a text
vector, one of an image vector and a BM25 score have different scales and different spreads.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

__all__ = ["K", "fuse_ranks"]

K = 60
"""The constant of the paper: how little the first ranks of one route outweigh the agreement of two."""

T = TypeVar("T", bound=Hashable)


def fuse_ranks(
    routes: Mapping[str, Iterable[T]], weights: Mapping[str, float] | None = None, *, k: int = K
) -> list[tuple[T, float]]:
    """The items of all routes with the sum of weight / (k + rank), best first.

    Each route lists its items best first; ranks count from 1. A route without a weight has 1.0.
    Equal sums stay in the order of the first route that has the item.
    """
    sums: dict[T, float] = {}
    for name, items in routes.items():
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        for rank, item in enumerate(items, start=1):
            sums[item] = sums.get(item, 0.0) + weight / (k + rank)
    return sorted(sums.items(), key=lambda pair: -pair[1])
