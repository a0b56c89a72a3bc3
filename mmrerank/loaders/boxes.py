"""Boxes on a page, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

__all__ = [
    "Box",
    "area",
    "covered",
    "cut_back",
    "gathered",
    "grown",
    "overlap",
    "part_inside",
    "union",
]

T = TypeVar("T")

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in points from the top left of the page as it is shown; y grows downwards."""


def union(first: Box, *others: Box) -> Box:
    """The smallest box around all of them."""
    boxes = (first, *others)
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def overlap(first: Box, second: Box) -> Box | None:
    """What two boxes share; None where they do not touch. Boxes without height do touch."""
    shared = (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )
    return shared if shared[0] <= shared[2] and shared[1] <= shared[3] else None


def grown(box: Box, right_and_left: float, up_and_down: float) -> Box:
    """The box with a margin of so many points."""
    return (
        box[0] - right_and_left,
        box[1] - up_and_down,
        box[2] + right_and_left,
        box[3] + up_and_down,
    )


def area(box: Box | None) -> float:
    """Square points; 0 where there is no box."""
    return 0.0 if box is None else max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def part_inside(box: Box, other: Box) -> float:
    """The part of the area of `box` that lies in `other`, 0 to 1; 0 for a box without area."""
    return area(overlap(box, other)) / max(area(box), 0.1)


def covered(box: Box, others: Iterable[Box]) -> float:
    """Square points of a box that others cover; what two of them cover counts twice."""
    return sum(area(overlap(other, box)) for other in others)


def gathered(items: Iterable[T], are_one: Callable[[T, T], bool]) -> list[list[T]]:
    """The items in groups: with each other, or through others, those of a group are one."""
    groups: list[list[T]] = []
    for item in items:
        joined = [group for group in groups if any(are_one(item, other) for other in group)]
        groups = [group for group in groups if group not in joined]
        groups.append([item, *(other for group in joined for other in group)])
    return groups


def cut_back(box: Box, stops: Sequence[Box], least: float = 0.75) -> Box:
    """The box without the edge that runs into a stop; whole where less than `least` would stay.

    The box of an image is larger than what shows of it where the page clips or fades it.
    """
    uncut = area(box)
    for stop in stops:
        if area(overlap(box, stop)) > 0.0:
            x0, y0, x1, y1 = box
            cuts = [(stop[2], y0, x1, y1), (x0, stop[3], x1, y1), (x0, y0, stop[0], y1)]
            best = max([*cuts, (x0, y0, x1, stop[1])], key=area)
            box = best if area(best) >= least * uncut else box
    return box
