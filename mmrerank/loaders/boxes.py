"""Boxes on a page, and what they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

__all__ = [
    "Box",
    "area",
    "connected_groups",
    "covered_area",
    "cut_back",
    "grown",
    "height",
    "mostly_inside",
    "overlap",
    "part_inside",
    "read_box",
    "shared_height",
    "shared_width",
    "union",
    "width",
    "write_box",
]

T = TypeVar("T")

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in points from the top left of the page as it is shown; y grows downwards."""


def write_box(box: Box) -> str:
    """A box for metadata, which vector stores take only flat: "[72.0, 90.5, 523.0, 310.0]"."""
    return json.dumps([round(float(edge), 1) for edge in box])


def read_box(value: object) -> Box | None:
    """A box as `write_box` or JSON has it; None for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        return None
    if not all(isinstance(edge, (int, float)) for edge in value):
        return None
    x0, y0, x1, y1 = map(float, value)
    return x0, y0, x1, y1


def width(box: Box) -> float:
    """Points from the left edge to the right."""
    return box[2] - box[0]


def height(box: Box) -> float:
    """Points from the top edge to the bottom."""
    return box[3] - box[1]


def area(box: Box | None) -> float:
    """Square points; 0 for None."""
    return 0.0 if box is None else max(width(box), 0.0) * max(height(box), 0.0)


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
    """The box that two boxes share; None if they do not touch. Boxes without height can touch."""
    shared = (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )
    return shared if shared[0] <= shared[2] and shared[1] <= shared[3] else None


def shared_width(first: Box, second: Box) -> float:
    """Points of width that two boxes share at any height; below 0, the gap between them."""
    return min(first[2], second[2]) - max(first[0], second[0])


def shared_height(first: Box, second: Box) -> float:
    """Points of height that two boxes share at any width; below 0, the gap between them."""
    return min(first[3], second[3]) - max(first[1], second[1])


def grown(box: Box, right_and_left: float, up_and_down: float) -> Box:
    """The box with a margin, in points."""
    return (
        box[0] - right_and_left,
        box[1] - up_and_down,
        box[2] + right_and_left,
        box[3] + up_and_down,
    )


def part_inside(box: Box, other: Box) -> float:
    """The part of the area of `box` that lies in `other`, 0 to 1; 0 for a box without area."""
    return area(overlap(box, other)) / max(area(box), 0.1)


def mostly_inside(box: Box, other: Box) -> bool:
    """Whether more than half of the area of `box` lies in `other`."""
    return part_inside(box, other) > 0.5


def covered_area(box: Box, others: Iterable[Box]) -> float:
    """Square points of `box` that `others` cover; what two of them cover counts twice."""
    return sum(area(overlap(other, box)) for other in others)


def connected_groups(items: Iterable[T], are_connected: Callable[[T, T], bool]) -> list[list[T]]:
    """The items in groups: two are in one group if they are connected directly or through others."""
    groups: list[list[T]] = []
    for item in items:
        joined = [group for group in groups if any(are_connected(item, other) for other in group)]
        groups = [group for group in groups if group not in joined]
        groups.append([item, *(other for group in joined for other in group)])
    return groups


def cut_back(box: Box, stops: Sequence[Box], min_kept: float) -> Box:
    """The box without the side that runs into a stop.

    No cut leaves less than `min_kept` (0 to 1) of the area that the box had at first; a stop that
    would need one is ignored. The box of an image is larger than its visible part where the page
    clips or fades it.
    """
    uncut = area(box)
    for stop in stops:
        if area(overlap(box, stop)) > 0.0:
            x0, y0, x1, y1 = box
            cuts = [(stop[2], y0, x1, y1), (x0, stop[3], x1, y1), (x0, y0, stop[0], y1)]
            best = max([*cuts, (x0, y0, x1, stop[1])], key=area)
            box = best if area(best) >= min_kept * uncut else box
    return box
