"""Block diagrams of straight lines: boxes that lines connect, as the cells of tables never are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    height,
    mostly_inside,
    transposed,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import FigureSettings

__all__ = ["find_diagrams"]


def find_diagrams(paths: Sequence[DrawnPath], whole: Box, settings: FigureSettings) -> list[Box]:
    """The box around each group of boxes on a page that straight lines connect."""
    lines = _lines(paths, settings)
    if len(lines) < settings.min_blocks - 1:
        return []
    boxes = _blocks(paths, whole, settings)
    if len(boxes) < settings.min_blocks:
        return []
    links = set(_links(lines, boxes, settings))
    groups = connected_groups(
        range(len(boxes)), lambda one, other: (one, other) in links or (other, one) in links
    )
    return [
        union(*(boxes[index] for index in group))
        for group in groups
        if len(group) >= settings.min_blocks
    ]


def _lines(paths: Iterable[DrawnPath], settings: FigureSettings) -> list[Box]:
    """The thin straight lines, without short ones, which are the bevelled edges of cells."""
    lines = [path.box for path in paths if path.straight and not path.outline]
    thin = [line for line in lines if min(width(line), height(line)) < settings.rule_thickness]
    return [line for line in thin if max(width(line), height(line)) > 2 * settings.corner_gap]


def _blocks(paths: Iterable[DrawnPath], whole: Box, settings: FigureSettings) -> list[Box]:
    """The rectangles large enough to hold a word, without those that others lie in."""
    most = settings.max_block_share * area(whole)
    boxes = {path.box for path in paths if path.outline and area(path.box) <= most}
    boxes = {box for box in boxes if min(width(box), height(box)) >= settings.min_block_side}
    if len(boxes) > settings.max_blocks:
        return []
    return [
        box
        for box in sorted(boxes)
        if not any(
            other is not box and mostly_inside(other, box) and area(other) < area(box)
            for other in boxes
        )
    ]


def _links(
    lines: Iterable[Box], boxes: Sequence[Box], settings: FigureSettings
) -> Iterator[tuple[int, int]]:
    """The indices of two boxes for each line from the side of one to the side of the other."""
    turned = [transposed(box) for box in boxes]
    for line in lines:
        level = height(line) < settings.rule_thickness
        ends = _ends(line, boxes, settings) if level else _ends(transposed(line), turned, settings)
        if ends is not None:
            yield ends


def _ends(line: Box, boxes: Sequence[Box], settings: FigureSettings) -> tuple[int, int] | None:
    """The boxes that a level line runs between, from the right side of one to the left of another."""
    near, middle = settings.corner_gap, (line[1] + line[3]) / 2
    beside = [
        (index, box) for index, box in enumerate(boxes) if box[1] + near < middle < box[3] - near
    ]
    start = [index for index, box in beside if abs(box[2] - line[0]) < near]
    end = [index for index, box in beside if abs(box[0] - line[2]) < near]
    return (start[0], end[0]) if start and end else None
