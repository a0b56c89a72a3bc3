"""What touches on a page belongs together: boxes gathered on a grid of small cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmrerank.loaders.boxes import Box, area, covered, gathered, grown, overlap, part_inside, union
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FRAME",
    "MOST",
    "TABLE",
    "Component",
    "around",
    "components",
    "from_strips",
    "in_one_piece",
    "is_big",
    "is_content",
]

_CELL, _CELLS = 3.0, 1000  # points a cell, cells a side at the most

_REACH = 2  # cells: things nearer than twice this belong together

_SMALLEST_SIDE, _SMALLEST_AREA = 20.0, 1200.0  # points, square points: less is decoration

FRAME = 4
"""Paths that may frame a photograph, or be decoration."""

TABLE = 0.1
"""Part of a drawing that text covers: where it is more, straight lines are those of a table."""

_SMALL = 0.01  # of the page: the bars of a chart may be images

_MARKS = 15.0  # points around an image in which its marks stand

_CURVED = 0.05  # part of a table's paths that may not be straight

_ON_IT = 0.3  # of the smaller image lies on the larger

_ICONS_APART = 1.25  # times their size: icons of one diagram

_STRIP, _THIN = 90.0, 0.25  # points, part of their length: photographs are less thin

MOST = 0.85
"""Part of the page: what covers more is a background, a frame or a scan."""


@dataclass(frozen=True, slots=True)
class Component:
    """Things on a page that touch.

    `straight` counts the paths made of boxes and of lines along the page, of which tables and
    frames consist, `shapes` all other paths; `images` are boxes.
    """

    box: Box
    straight: int = 0
    shapes: int = 0
    images: tuple[Box, ...] = ()

    @property
    def image_area(self) -> float:
        """Square points."""
        return sum(area(image) for image in self.images)

    @property
    def kind(self) -> Literal["raster", "vector", "mixed"]:
        """What it is made of; a frame around a photograph leaves it a photograph."""
        if not self.images:
            return "vector"
        return "raster" if self.straight + self.shapes <= FRAME else "mixed"


def components(
    paths: Sequence[DrawnPath],
    images: Sequence[Box],
    whole: Box,
    barriers: Sequence[Box] = (),
    text: Sequence[Box] = (),
) -> list[Component]:
    """Gather what touches or nearly does; backgrounds are left out.

    `barriers` (text, gutters) keep apart what does not touch. Images that only stand side by side
    stay apart, unless they are strips of one. Linear in the number of paths.
    """
    paths = [path for path in paths if is_content(path.box, whole)]
    found, cells = _of_paths(paths, whole, barriers)
    groups: list[tuple[list[Box], set[int]]] = []  # images, and the components they touch
    backgrounds: set[int] = set()
    for image in images:
        near = set(_labels_at(cells, image, whole))
        held = {index for index in near if _holds(found[index], image, whole)}
        backgrounds |= near - held
        touched = {index for index in held if not _is_table(found[index], text)}
        joined = [group for group in groups if touched & group[1]]
        groups = [group for group in groups if group not in joined]
        boxes = [image, *(box for group in joined for box in group[0])]
        groups.append((boxes, touched.union(*(group[1] for group in joined))))
    with_image = {index for _, touched in groups for index in touched}
    alone = [item for index, item in enumerate(found) if index not in with_image | backgrounds]
    return alone + [
        _with_images(boxes, [found[index] for index in sorted(touched)])
        for boxes, touched in groups
    ]


def _of_paths(
    paths: Sequence[DrawnPath], whole: Box, barriers: Sequence[Box]
) -> tuple[list[Component], NDArray[np.intp]]:
    """The components that paths form, and for each cell of the page the index of its own, or -1."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    boxes = np.array([path.box for path in paths], dtype=float).reshape(-1, 4)
    cells = _cells(boxes, np.array(barriers, dtype=float).reshape(-1, 4), whole)
    if not paths:
        return [], cells
    top, left = (boxes[:, (1, 0)] / _cell(whole)).astype(int).T + _REACH
    groups = cells[top, left]
    count = cells.max() + 1
    corners = np.full((count, 4), [np.inf, np.inf, -np.inf, -np.inf])
    np.minimum.at(corners[:, :2], groups, boxes[:, :2])
    np.maximum.at(corners[:, 2:], groups, boxes[:, 2:])
    total = np.bincount(groups, minlength=count)
    lines = np.bincount(groups, weights=[path.straight for path in paths], minlength=count)
    found = [
        Component(tuple(corners[i].tolist()), int(lines[i]), int(total[i] - lines[i]))
        for i in range(count)
    ]
    return found, cells


def _labels_at(cells: NDArray[np.intp], box: Box, whole: Box) -> list[int]:
    """The components of paths that a box touches, or nearly."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    x0, y0, x1, y1 = (int(value / _cell(whole)) + _REACH for value in box)
    inside = cells[y0 : y1 + 1, x0 : x1 + 1]  # cells near a component are marked as its own
    return [int(index) for index in np.unique(inside) if index >= 0]


def _holds(item: Component, image: Box, whole: Box) -> bool:
    """Whether paths belong to an image that they touch: as its frame or marks, or as a diagram."""
    many = item.straight + item.shapes > FRAME
    small = area(image) < _SMALL * area(whole)
    return many or small or part_inside(item.box, grown(image, _MARKS, _MARKS)) > 0.5


def _is_table(item: Component, text: Sequence[Box]) -> bool:
    """Whether paths are the lines of a table or a form: all straight, with much text between."""
    straight = item.shapes < _CURVED * item.straight
    return straight and covered(item.box, text) > TABLE * area(item.box)


def from_strips(images: Sequence[Box]) -> list[Box]:
    """The boxes of pictures, each in one piece: many programs cut large ones into strips."""
    return [union(*group) for group in gathered(images, _are_strips)]


def in_one_piece(images: Sequence[Box], icon: float, gutters: Sequence[Box]) -> list[Box]:
    """The boxes of pictures: those that lie on another are one with it, and rows of small ones.

    `icon` is the area in square points below which an image is small; no gutter is between those.
    """

    def are_one(first: Box, second: Box) -> bool:
        if _lies_on(first, second):
            return True
        small = max(area(first), area(second)) < icon and is_big(first) and is_big(second)
        if not small or not _are_icons(first, second):
            return False
        both = union(first, second)
        return not any(area(overlap(gutter, both)) for gutter in gutters)

    return [union(*group) for group in gathered(images, are_one)]


def _lies_on(first: Box, second: Box) -> bool:
    return area(overlap(first, second)) > _ON_IT * min(area(first), area(second))


def _are_icons(first: Box, second: Box) -> bool:
    side = max(first[2] - first[0], first[3] - first[1])
    across = max(first[0], second[0]) - min(first[2], second[2])
    down = max(first[1], second[1]) - min(first[3], second[3])
    return max(across, down) < _ICONS_APART * side


def _are_strips(first: Box, second: Box) -> bool:
    for low, high in ((0, 2), (1, 3)):
        across, up = 1 - low, 3 - low
        aligned = abs(first[low] - second[low]) < 2.0 and abs(first[high] - second[high]) < 2.0
        apart = max(first[across], second[across]) - min(first[up], second[up])
        thickness = min(first[up] - first[across], second[up] - second[across])
        thin = thickness < max(_STRIP, _THIN * (first[high] - first[low]))
        if aligned and thin and abs(apart) < 2.0:
            return True
    return False


def _with_images(images: Sequence[Box], parts: Sequence[Component]) -> Component:
    return Component(
        union(*images, *(item.box for item in parts)),
        sum(item.straight for item in parts),
        sum(item.shapes for item in parts),
        tuple(images),
    )


def is_content(box: Box, whole: Box) -> bool:
    """False for what goes over nearly all of the page, as backgrounds and frames do."""
    return box[2] - box[0] <= MOST * whole[2] or box[3] - box[1] <= MOST * whole[3]


def _cell(whole: Box) -> float:
    return max(_CELL, max(whole[2], whole[3]) / _CELLS)


def _cells(
    boxes: NDArray[np.float64], barriers: NDArray[np.float64], whole: Box
) -> NDArray[np.intp]:
    """For each cell of the page the number, from 0, of the component whose boxes are near; or -1.

    `boxes` and `barriers` are rows of x0, y0, x1, y1.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    ndimage = require("scipy.ndimage")
    cell = _cell(whole)
    left, top, right, bottom = (np.floor(boxes / cell).astype(int) + _REACH).T
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
    used = np.unique(labels[top, left])
    order = np.full(labels.max() + 1, -1)
    order[used] = np.arange(len(used))
    return order[labels]  # type: ignore[no-any-return]


def around(parts: Sequence[Component]) -> Box:
    """The smallest box around some components."""
    return union(*(item.box for item in parts))


def is_big(box: Box) -> bool:
    """False for what is so small that it is decoration."""
    sides = box[2] - box[0], box[3] - box[1]
    return min(sides) >= _SMALLEST_SIDE and area(box) >= _SMALLEST_AREA
