"""Candidates that repeat a better one give up their place, and stay named in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mmrerank.index.ledger import Entry
from mmrerank.index.pictures import Picture, same_picture

__all__ = ["Found", "distinct"]


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: its fused score, its rank (from 1) on each route that found it, and the entries
    that repeat it, `also_in` other places.
    """

    entry: Entry
    score: float
    ranks: Mapping[str, int]
    also_in: tuple[Entry, ...] = ()


def distinct(
    candidates: Sequence[Found], pictures: Callable[[Sequence[str]], Mapping[str, Picture]]
) -> list[Found]:
    """The candidates, best first, without those that repeat a better one.

    An entry repeats another if it has the same text and the same pictures, or is a figure with the
    same picture. Pictures are the same if they are one file, or if `same_picture` says so of what
    `pictures` knows of them. Only the candidates are compared.
    """
    known = pictures(sorted({ref for found in candidates for ref in found.entry.images}))

    def same(one: str, other: str) -> bool:
        return one == other or (
            one in known and other in known and same_picture(known[one], known[other])
        )

    best: list[Found] = []
    by_text: dict[str, list[int]] = {}
    figures: list[int] = []
    for candidate in candidates:
        entry = candidate.entry
        text = " ".join(entry.text.split())
        is_figure = entry.kind == "figure" and len(entry.images) == 1
        others = dict.fromkeys([*by_text.get(text, ()), *(figures if is_figure else ())])
        place = next((i for i in others if _same_images(best[i].entry, entry, same)), None)
        if place is not None:
            best[place] = replace(best[place], also_in=(*best[place].also_in, entry))
            continue
        by_text.setdefault(text, []).append(len(best))
        if is_figure:
            figures.append(len(best))
        best.append(candidate)
    return best


def _same_images(one: Entry, other: Entry, same: Callable[[str, str], bool]) -> bool:
    return len(one.images) == len(other.images) and all(
        same(a, b) for a, b in zip(one.images, other.images, strict=True)
    )
