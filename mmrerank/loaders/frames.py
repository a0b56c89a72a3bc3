"""Frames that a page draws line by line, as TeX does around boxes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from mmrerank.loaders.boxes import Box
from mmrerank.loaders.drawings import DrawnPath

__all__ = ["frames_of_lines"]

_THIN, _LONG = 2.5, 30.0  # points
_MOST_LINES = 60  # more are a table or the grid of a chart
_MEETS = 3.0  # points between the ends of two lines that meet in a corner


def frames_of_lines(paths: Sequence[DrawnPath]) -> list[tuple[Box, list[DrawnPath]]]:
    """The boxes that four thin lines make, each with its lines."""
    upright, level = [], []
    for path in paths:
        width, height = path.box[2] - path.box[0], path.box[3] - path.box[1]
        if path.straight and width < _THIN and height > _LONG:
            upright.append(path)
        elif path.straight and height < _THIN and width > _LONG:
            level.append(path)
    if len(upright) > _MOST_LINES or len(level) > _MOST_LINES:
        return []
    found = []
    for left, right in combinations(sorted(upright, key=lambda path: path.box[0]), 2):
        if not (_meets(left.box, right.box, 1) and _meets(left.box, right.box, 3)):
            continue
        box = (left.box[0], left.box[1], right.box[2], left.box[3])
        sides = [line for line in level if _meets(line.box, box, 0) and _meets(line.box, box, 2)]
        top = [line for line in sides if _meets(line.box, box, 1)]
        bottom = [line for line in sides if _meets(line.box, box, 3)]
        if top and bottom:
            found.append((box, [left, right, *top, *bottom]))
    return found


def _meets(line: Box, box: Box, edge: int) -> bool:
    return abs(line[edge] - box[edge]) < _MEETS
