"""What touches on a page belongs together: boxes gathered on a grid of small cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmrerank.loaders.base import need
from mmrerank.loaders.boxes import Box, area, union

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FRAME", "MOST", "Component", "around", "components", "is_big", "is_content"]

_CELL, _CELLS = 3.0, 1000  # points a cell, cells a side at the most
_REACH = 2  # cells: things nearer than twice this belong together
_SMALLEST_SIDE, _SMALLEST_AREA = 20.0, 1200.0  # points, square points: less is decoration

FRAME = 4
"""Paths that may frame a photograph, or be decoration."""

MOST = 0.85
"""Part of the page: what covers more is a background, a frame or a scan."""


@dataclass(frozen=True, slots=True)
class Component:
    """Things on a page that touch.

    `straight` counts the paths made of boxes and of lines along the page, of which tables and
    frames consist, `shapes` all other paths; `image_area` is in square points.
    """

    box: Box
    straight: int = 0
    shapes: int = 0
    image_area: float = 0.0

    @property
    def kind(self) -> Literal["raster", "vector", "mixed"]:
        """What it is made of; a frame around a photograph leaves it a photograph."""
        if not self.image_area:
            return "vector"
        return "raster" if self.straight + self.shapes <= FRAME else "mixed"


def components(
    paths: Sequence[tuple[Box, bool]],
    images: Sequence[Box],
    whole: Box,
    barriers: Sequence[Box] = (),
) -> list[Component]:
    """Gather boxes that touch or nearly do; backgrounds are left out.

    `paths` holds a box and whether it is straight, for each path. `barriers` (text, gutters) keep
    apart what does not touch. Linear in the number of boxes.
    """
    paths = [path for path in paths if is_content(path[0], whole)]
    images = [image for image in images if is_content(image, whole)]
    if not paths and not images:
        return []
    np = need("numpy", extra="pdf", purpose="finding figures")
    boxes = np.array([box for box, _ in paths] + images, dtype=float)
    straight = np.array([is_straight for _, is_straight in paths] + [False] * len(images))
    image_area = np.zeros(len(boxes))
    image_area[len(paths) :] = [area(image) for image in images]
    groups = _group(boxes, np.array(barriers, dtype=float).reshape(-1, 4), whole)
    count = groups.max() + 1
    corners = np.full((count, 4), [np.inf, np.inf, -np.inf, -np.inf])
    np.minimum.at(corners[:, :2], groups, boxes[:, :2])
    np.maximum.at(corners[:, 2:], groups, boxes[:, 2:])
    total = np.bincount(groups[: len(paths)], minlength=count)
    lines = np.bincount(groups, weights=straight, minlength=count)
    covered = np.bincount(groups, weights=image_area, minlength=count)
    return [
        Component(tuple(corners[i].tolist()), int(lines[i]), int(total[i] - lines[i]), covered[i])
        for i in range(count)
    ]


def is_content(box: Box, whole: Box) -> bool:
    """False for what goes over nearly all of the page, as backgrounds and frames do."""
    return box[2] - box[0] <= MOST * whole[2] or box[3] - box[1] <= MOST * whole[3]


def _group(
    boxes: NDArray[np.float64], barriers: NDArray[np.float64], whole: Box
) -> NDArray[np.intp]:
    """For each of `boxes` (rows of x0, y0, x1, y1) the number of its component, from 0."""
    np = need("numpy", extra="pdf", purpose="finding figures")
    ndimage = need("scipy.ndimage", extra="pdf", purpose="finding figures")
    cell = max(_CELL, max(whole[2], whole[3]) / _CELLS)
    cells = np.floor(boxes / cell).astype(int) + _REACH
    left, top, right, bottom = cells.T
    # Each box adds one at two of its corners and takes one at the others; two running sums
    # then give the number of boxes over every cell.
    size = (int(whole[3] / cell) + 2 * _REACH + 2, int(whole[2] / cell) + 2 * _REACH + 2)
    change = np.zeros(size, dtype=int)
    np.add.at(change, (top, left), 1)
    np.add.at(change, (top, right + 1), -1)
    np.add.at(change, (bottom + 1, left), -1)
    np.add.at(change, (bottom + 1, right + 1), 1)
    painted = change.cumsum(axis=0).cumsum(axis=1) > 0
    near = ndimage.binary_dilation(painted, np.ones((2 * _REACH + 1, 2 * _REACH + 1)))
    for x0, y0, x1, y1 in barriers / cell + _REACH:
        rows, columns = slice(int(y0), int(y1) + 1), slice(math.ceil(x0), int(x1))
        near[rows, columns] = painted[rows, columns]
    labels, _ = ndimage.label(near, np.ones((3, 3)))
    _, numbers = np.unique(labels[top, left], return_inverse=True)
    return numbers.reshape(-1)  # type: ignore[no-any-return]


def around(parts: Sequence[Component]) -> Box:
    """The smallest box around some components."""
    return union(*(item.box for item in parts))


def is_big(box: Box) -> bool:
    """False for what is so small that it is decoration."""
    sides = box[2] - box[0], box[3] - box[1]
    return min(sides) >= _SMALLEST_SIDE and area(box) >= _SMALLEST_AREA
