"""A figure and the chunks that cite it are one result, so that one figure does not fill the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from mmrerank.index.hits import HitPart

__all__ = ["Ranked", "TextOrFigure", "one_per_figure"]


class TextOrFigure(Protocol):
    """A chunk of text, or a figure (its `kind` is "figure"), with the references of its images."""

    @property
    def kind(self) -> str:
        """What it is: "figure" for a figure."""

    @property
    def images(self) -> Sequence[str]:
        """The references; that of a figure comes first."""


T = TypeVar("T", bound=TextOrFigure)


@dataclass(frozen=True, slots=True)
class Ranked(Generic[T]):
    """A candidate after reranking: its place among the candidates, score, and winning image.

    `is_scored` is False if a failed call left the candidates in their order. `also_in` are entries
    that gave up their place, since they scored by the image that this one shows. `parts` are the
    scores of the candidate's parts.
    """

    entry: T
    candidate: int
    score: float
    best_image: str | None
    is_scored: bool = True
    also_in: tuple[T, ...] = ()
    parts: tuple[HitPart, ...] = ()


def one_per_figure(
    ranked: Sequence[Ranked[T]], originals: Mapping[str, str] | None = None
) -> list[Ranked[T]]:
    """The results, best first, each figure once. `originals`: of copies, the image they show.

    A figure that comes before the chunks citing it takes the place of the best of them, with that
    chunk's text and the figure as `best_image`; the chunk's own place is given up. A figure that
    comes after a chunk with it is left out, and so is a chunk that scored by a figure which a
    better result already shows: it stays named in that result.
    """
    first = dict(originals or {})
    results: list[Ranked[T]] = []
    place_of: dict[str, int] = {}  # of each image, the result that shows it
    merged: set[int] = set()  # candidates: chunks that became part of an earlier result
    citing = _best_chunk_of_each_figure(ranked)
    for one in ranked:
        figure = _figure_of(one.entry)
        winner = figure or one.best_image
        shown = None if winner is None else first.get(winner, winner)
        if shown is not None and shown in place_of:
            _add_to(results, place_of[shown], one.entry, shown, first)
            continue
        if one.candidate in merged:
            continue
        result = replace(one, best_image=winner)
        if figure is not None and figure in citing:
            result = replace(result, entry=citing[figure].entry)
            merged.add(citing[figure].candidate)
        for ref in (*result.entry.images, *((winner,) if winner else ())):
            place_of.setdefault(first.get(ref, ref), len(results))
        results.append(result)
    return results


def _figure_of(entry: TextOrFigure) -> str | None:
    """The image of an entry that is a figure."""
    return entry.images[0] if entry.kind == "figure" and entry.images else None


def _add_to(
    results: list[Ranked[T]], place: int, entry: T, shown: str, first: Mapping[str, str]
) -> None:
    """Leave out an entry that scored by an image which a result already shows."""
    result = results[place]
    if result.best_image is None:
        own = next(ref for ref in result.entry.images if first.get(ref, ref) == shown)
        result = replace(result, best_image=own)
    results[place] = replace(result, also_in=(*result.also_in, entry))


def _best_chunk_of_each_figure(ranked: Sequence[Ranked[T]]) -> dict[str, Ranked[T]]:
    best: dict[str, Ranked[T]] = {}
    for one in ranked:
        if one.entry.kind != "figure":
            for ref in one.entry.images:
                best.setdefault(ref, one)
    return best
