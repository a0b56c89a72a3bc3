"""A figure and the chunks that cite it are one result, so that one figure does not fill the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmrerank.index.ledger import Entry

__all__ = ["Ranked", "one_per_figure"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate after reranking: its place among the candidates, score, and winning image.

    `also_in` are entries of other files that show the same image.
    """

    entry: Entry
    candidate: int
    score: float
    best_image: str | None
    also_in: tuple[Entry, ...] = ()


def one_per_figure(
    ranked: Sequence[Ranked], originals: Mapping[str, str] | None = None
) -> list[Ranked]:
    """The results, best first, each figure once. `originals`: of copies, the image they show.

    A figure that comes before the chunks citing it takes the place of the best of them, with that
    chunk's text and the figure as `best_image`; the chunk's own place is given up. A figure that
    comes after a chunk with it is left out, and so is a chunk that scored by a figure which a
    better result already shows; one of another file stays named in that result.
    """
    first = dict(originals or {})
    results: list[Ranked] = []
    place_of: dict[str, int] = {}  # of each image, the result that shows it
    merged: set[str] = set()  # vector ids of chunks that became part of an earlier result
    citing = _best_chunk_of_each_figure(ranked)
    for one in ranked:
        figure = _figure_of(one.entry)
        winner = figure or one.best_image
        shown = None if winner is None else first.get(winner, winner)
        if shown is not None and shown in place_of:
            _add_to(results, place_of[shown], one.entry, shown, first)
            continue
        if one.entry.vector_id in merged:
            continue
        result = replace(one, best_image=winner)
        if figure is not None and figure in citing:
            result = replace(result, entry=citing[figure])
            merged.add(result.entry.vector_id)
        for ref in (*result.entry.images, *((winner,) if winner else ())):
            place_of.setdefault(first.get(ref, ref), len(results))
        results.append(result)
    return results


def _figure_of(entry: Entry) -> str | None:
    """The image of an entry that is a figure."""
    return entry.images[0] if entry.kind == "figure" and entry.images else None


def _add_to(
    results: list[Ranked], place: int, entry: Entry, shown: str, first: Mapping[str, str]
) -> None:
    """Leave out an entry that scored by an image which a result already shows."""
    result = results[place]
    if result.best_image is None:
        own = next(ref for ref in result.entry.images if first.get(ref, ref) == shown)
        result = replace(result, best_image=own)
    if entry.path != result.entry.path:
        result = replace(result, also_in=(*result.also_in, entry))
    results[place] = result


def _best_chunk_of_each_figure(ranked: Sequence[Ranked]) -> dict[str, Entry]:
    best: dict[str, Entry] = {}
    for one in ranked:
        if one.entry.kind != "figure":
            for ref in one.entry.images:
                best.setdefault(ref, one.entry)
    return best
