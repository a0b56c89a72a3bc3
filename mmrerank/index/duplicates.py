"""Candidates that repeat a better one give up their place, and stay named in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mmrerank.index.ledger import Entry
from mmrerank.index.pictures import Picture, same_picture

__all__ = ["Found", "distinct", "originals"]


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: its fused score, and its rank (from 1) on each route that found it.

    `also_in` are the entries in other places that repeat it.
    """

    entry: Entry
    score: float
    ranks: Mapping[str, int]
    also_in: tuple[Entry, ...] = ()


def originals(refs: Iterable[str], pictures: Mapping[str, Picture]) -> dict[str, str]:
    """For each image, the first among `refs` that shows the same picture, as far as is known."""
    first: dict[str, str] = {}
    distinct_refs: list[str] = []
    for ref in dict.fromkeys(refs):
        own = pictures.get(ref)
        others = distinct_refs if own is not None else ()
        first[ref] = next((o for o in others if own and same_picture(pictures[o], own)), ref)
        if own is not None and first[ref] == ref:
            distinct_refs.append(ref)
    return first


def distinct(candidates: Sequence[Found], pictures: Mapping[str, Picture]) -> list[Found]:
    """The candidates, best first, without those that repeat a better one.

    An entry repeats another if it has the same text and the same pictures, or is a figure with the
    same picture. Pictures are the same if they are one file, or if `same_picture` says so of what
    is known of them. Only the candidates are compared.
    """
    first = originals((ref for found in candidates for ref in found.entry.images), pictures)
    best: list[Found] = []
    places: dict[tuple[str, ...], int] = {}
    for candidate in candidates:
        entry = candidate.entry
        images = tuple(first[ref] for ref in entry.images)
        is_figure = entry.kind == "figure" and len(images) == 1
        keys = [(" ".join(entry.text.split()), *images), *([images] if is_figure else [])]
        place = next((places[key] for key in keys if key in places), None)
        if place is None:
            place = len(best)
            best.append(candidate)
        else:
            best[place] = replace(best[place], also_in=(*best[place].also_in, entry))
        for key in keys:
            places.setdefault(key, place)
    return best
