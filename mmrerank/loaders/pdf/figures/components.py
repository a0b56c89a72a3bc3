"""What touches on a page belongs together: paths and images form components."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    covered_area,
    grown,
    height,
    mostly_inside,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Component",
    "around",
    "components",
    "is_big",
    "is_content",
    "kind_of",
    "merged",
]


@dataclass(frozen=True, slots=True)
class Component:
    """Things on a page that touch.

    `straight` counts the paths made of rectangles and of horizontal and vertical lines only, as
    tables and frames are; `shapes` counts all other paths. `images` are boxes. `ends` counts the
    places, from left to right and from top to bottom, where paths begin or end: few in a grid.
    `colours` are those of filled boxes: many in a heat map.
    """

    box: Box
    straight: int = 0
    shapes: int = 0
    images: tuple[Box, ...] = ()
    ends: int = 0
    colours: frozenset[tuple[float, ...]] = frozenset()

    @property
    def path_count(self) -> int:
        """The number of its paths."""
        return self.straight + self.shapes

    @property
    def image_area(self) -> float:
        """Square points."""
        return sum(area(image) for image in self.images)


@dataclass(frozen=True, slots=True)
class _PathGrid:
    """The components that paths form, and for each cell of the page the index of its own, or -1."""

    components: list[Component]
    cells: NDArray[np.intp]
    cell: float
    reach: int

    def touched_by(self, box: Box) -> set[int]:
        """The indices of the components that a box touches, or nearly."""
        np = require("numpy", extra="pdf", purpose="finding figures")
        x0, y0, x1, y1 = (int(value / self.cell) + self.reach for value in box)
        inside = self.cells[
            y0 : y1 + 1, x0 : x1 + 1
        ]  # cells near a component are marked as its own
        return {int(index) for index in np.unique(inside) if index >= 0}


def components(
    paths: Sequence[DrawnPath],
    images: Sequence[Box],
    whole: Box,
    settings: FigureSettings,
    *,
    barriers: Sequence[Box] = (),
    text: Sequence[Box] = (),
) -> list[Component]:
    """The components that paths and images form, without backgrounds.

    `whole` is the box of the page, `text` the boxes of its lines. `barriers` (text, gutters) keep
    apart what does not touch. Images that only stand side by side stay apart. Linear in the number
    of paths.
    """
    content = [path for path in paths if is_content(path.box, whole, settings)]
    grid = _path_grid(content, whole, barriers, settings)
    joined, backgrounds = _paths_of_images(grid, images, whole, text, settings)
    with_image = _union(indices for _, indices in joined)
    alone = set(range(len(grid.components))) - with_image - backgrounds
    groups = connected_groups(joined, lambda first, second: bool(first[1] & second[1]))
    return [grid.components[index] for index in sorted(alone)] + [
        _with_images(group, grid.components) for group in groups
    ]


def _paths_of_images(
    grid: _PathGrid,
    images: Sequence[Box],
    whole: Box,
    text: Sequence[Box],
    settings: FigureSettings,
) -> tuple[list[tuple[Box, set[int]]], set[int]]:
    """Each image with the components of paths that are part of it; and those that lie behind one.

    Components are given by their index in the grid.
    """
    joined: list[tuple[Box, set[int]]] = []
    backgrounds: set[int] = set()
    for image in images:
        near = grid.touched_by(image)
        own = {i for i in near if _belongs_to(grid.components[i], image, whole, settings)}
        tables = {i for i in own if _is_table(grid.components[i], text, settings)}
        joined.append((image, own - tables))
        backgrounds |= near - own
    return joined, backgrounds


def _union(sets: Iterable[set[int]]) -> set[int]:
    return set().union(*sets)


def _path_grid(
    paths: Sequence[DrawnPath], whole: Box, barriers: Sequence[Box], settings: FigureSettings
) -> _PathGrid:
    np = require("numpy", extra="pdf", purpose="finding figures")
    boxes = np.array([path.box for path in paths], dtype=float).reshape(-1, 4)
    stops = np.array(barriers, dtype=float).reshape(-1, 4)
    cell = max(settings.cell, max(whole[2], whole[3]) / settings.max_cells)
    cells = _labelled_cells(boxes, stops, whole, cell, settings.reach)
    if not paths:
        return _PathGrid([], cells, cell, settings.reach)
    top, left = (boxes[:, (1, 0)] / cell).astype(int).T + settings.reach
    groups = cells[top, left]
    count = cells.max() + 1
    corners = np.full((count, 4), [np.inf, np.inf, -np.inf, -np.inf])
    np.minimum.at(corners[:, :2], groups, boxes[:, :2])
    np.maximum.at(corners[:, 2:], groups, boxes[:, 2:])
    total = np.bincount(groups, minlength=count)
    lines = np.bincount(groups, weights=[path.straight for path in paths], minlength=count)
    ends = _ends(boxes, groups, cell)
    colours: list[set[tuple[float, ...]]] = [set() for _ in range(count)]
    for path, group in zip(paths, groups.tolist(), strict=True):
        if path.colour is not None:
            colours[group].add(path.colour)
    items = [
        Component(
            tuple(corners[i].tolist()),
            int(lines[i]),
            int(total[i] - lines[i]),
            ends=int(ends[i]),
            colours=frozenset(colours[i]),
        )
        for i in range(count)
    ]
    return _PathGrid(items, cells, cell, settings.reach)


def _ends(boxes: NDArray[np.float64], groups: NDArray[np.intp], cell: float) -> NDArray[np.intp]:
    """For each group of boxes, how many columns and rows of cells any of them begins or ends in."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    edges = (boxes / cell).astype(int)
    found = np.zeros(groups.max() + 1, dtype=int)
    for axis in (0, 1):
        places = edges[:, (axis, axis + 2)]
        span = places.max() + 1
        own = np.unique(groups[:, None] * span + places) // span
        found += np.bincount(own, minlength=len(found))
    return found  # type: ignore[no-any-return]


def _labelled_cells(
    boxes: NDArray[np.float64],
    barriers: NDArray[np.float64],
    whole: Box,
    cell: float,
    reach: int,
) -> NDArray[np.intp]:
    """For each cell of the page the number, from 0, of the component whose boxes are near; or -1.

    `boxes` and `barriers` are rows of x0, y0, x1, y1; `cell` is the side of a cell in points.
    There are `reach` cells around the page.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    ndimage = require("scipy.ndimage")
    edges = (np.floor(boxes / cell).astype(int) + reach).T
    size = (int(whole[3] / cell) + 2 * reach + 2, int(whole[2] / cell) + 2 * reach + 2)
    painted, near = _painted(edges, 0, size), _painted(edges, reach, size)
    for x0, y0, x1, y1 in barriers / cell + reach:
        rows, columns = slice(int(y0), int(y1) + 1), slice(math.ceil(x0), int(x1))
        near[rows, columns] = painted[rows, columns]
    labels, _ = ndimage.label(near, np.ones((3, 3)))
    used = np.unique(labels[edges[1], edges[0]])
    order = np.full(labels.max() + 1, -1)
    order[used] = np.arange(len(used))
    return order[labels]  # type: ignore[no-any-return]


def _painted(edges: NDArray[np.intp], margin: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The cells of a page that boxes with a margin cover; all numbers count cells.

    `edges` are four rows: the first and last columns and rows of the boxes, as in a box.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    left, top = edges[:2] - margin
    right, bottom = edges[2:] + margin + 1
    # Each box adds one at two of its corners and takes one at the others; two running sums
    # then give the number of boxes over every cell.
    change = np.zeros(size, dtype=int)
    np.add.at(change, (top, left), 1)
    np.add.at(change, (top, right), -1)
    np.add.at(change, (bottom, left), -1)
    np.add.at(change, (bottom, right), 1)
    return change.cumsum(axis=0).cumsum(axis=1) > 0  # type: ignore[no-any-return]


def _belongs_to(item: Component, image: Box, whole: Box, settings: FigureSettings) -> bool:
    """Whether paths belong to an image that they touch: as its frame or marks, or as a diagram."""
    if item.path_count > settings.max_frame_paths:
        return True
    if area(image) < settings.small_image_share * area(whole):
        return True
    return mostly_inside(item.box, grown(image, settings.mark_margin, settings.mark_margin))


def _is_table(item: Component, text: Sequence[Box], settings: FigureSettings) -> bool:
    """Whether paths are the lines of a table or a form: all straight, with much text between."""
    if len(item.colours) >= settings.min_heat_colours:
        return False
    straight = item.shapes < settings.max_table_curves * item.straight
    return straight and covered_area(item.box, text) > settings.table_text_share * area(item.box)


def _with_images(
    group: Sequence[tuple[Box, set[int]]], path_components: Sequence[Component]
) -> Component:
    """One component of images and of the components of paths with the given indices."""
    indices = sorted(_union(own for _, own in group))
    return merged([path_components[index] for index in indices], [image for image, _ in group])


def merged(parts: Sequence[Component], images: Iterable[Box] = ()) -> Component:
    """One component of several, and of images."""
    every = (*images, *(image for item in parts for image in item.images))
    return Component(
        union(*every, *(item.box for item in parts)),
        sum(item.straight for item in parts),
        sum(item.shapes for item in parts),
        every,
        sum(item.ends for item in parts),
        frozenset().union(*(item.colours for item in parts)),
    )


def kind_of(
    parts: Sequence[Component], settings: FigureSettings
) -> Literal["raster", "vector", "mixed"]:
    """What components are made of; a frame around a photograph leaves it a photograph."""
    kinds = {_kind(item, settings) for item in parts}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _kind(item: Component, settings: FigureSettings) -> Literal["raster", "vector", "mixed"]:
    if not item.images:
        return "vector"
    return "raster" if item.path_count <= settings.max_frame_paths else "mixed"


def is_content(box: Box, whole: Box, settings: FigureSettings) -> bool:
    """False for what covers nearly all of the page, as backgrounds and page frames do."""
    share = settings.max_page_share
    return width(box) <= share * whole[2] or height(box) <= share * whole[3]


def around(parts: Sequence[Component]) -> Box:
    """The smallest box around some components."""
    return union(*(item.box for item in parts))


def is_big(box: Box, settings: FigureSettings) -> bool:
    """False for what is so small that it is decoration."""
    shorter = min(width(box), height(box))
    return shorter >= settings.min_side and area(box) >= settings.min_area
