"""The order in which the blocks of a page are read, and the columns of its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Protocol, TypeVar

from mmrerank.loaders.boxes import Box

__all__ = ["in_reading_order", "text_columns", "with_sideways"]

_MIN_GUTTER = 5.0  # points of white between two columns

_MIN_COLUMN = 0.2  # of the width of all blocks: narrower things are cells, not columns


class Boxed(Protocol):
    """Anything with a place on a page."""

    @property
    def box(self) -> Box: ...


T = TypeVar("T", bound=Boxed)


def with_sideways(ordered: Sequence[T], sideways: Iterable[T]) -> list[T]:
    """Blocks in reading order, with sideways ones put in: they must not take part in columns.

    Text along the left or right edge (a stamp) comes last; a label within the text, such as that of
    an axis, comes after the block nearest to it.
    """
    if not ordered:
        return in_reading_order(list(sideways))
    left, right = min(block.box[0] for block in ordered), max(block.box[2] for block in ordered)
    after: dict[int, list[T]] = {}
    for block in in_reading_order(list(sideways)):
        outside = block.box[0] >= right or block.box[2] <= left
        place = len(ordered) - 1 if outside else _nearest(block, ordered)
        after.setdefault(place, []).append(block)
    return [one for i, block in enumerate(ordered) for one in (block, *after.get(i, ()))]


def _nearest(block: Boxed, others: Sequence[Boxed]) -> int:
    """The index of the block that is nearest to another."""
    gaps = [
        max(other.box[0] - block.box[2], block.box[0] - other.box[2], 0.0)
        + max(other.box[1] - block.box[3], block.box[1] - other.box[3], 0.0)
        for other in others
    ]
    return gaps.index(min(gaps))


def in_reading_order(blocks: Sequence[T]) -> list[T]:
    """Columns from left to right, each from top to bottom; a block that spans columns cuts them."""
    if len(blocks) < 2:
        return list(blocks)
    columns = _columns(blocks)
    if len(columns) > 1:
        return [block for column in columns for block in in_reading_order(column)]
    strips = _strips(blocks)
    if len(strips) == 1:
        return sorted(blocks, key=lambda block: (block.box[1], block.box[0]))
    return [block for strip in strips for block in in_reading_order(strip)]


def _columns(blocks: Sequence[T]) -> list[list[T]]:
    """The blocks on either side of the first gutter between them; one list if there is none.

    Both sides must be wide, or the cells of a table would be read column by column.
    """
    ordered = sorted(blocks, key=lambda block: block.box[0])
    left, right = ordered[0].box[0], max(block.box[2] for block in ordered)
    reach = ordered[0].box[2]
    for index, block in enumerate(ordered[1:], start=1):
        least = _MIN_COLUMN * (right - left)
        wide = reach - left >= least and right - block.box[0] >= least
        if block.box[0] - reach >= _MIN_GUTTER and wide:
            return [ordered[:index], ordered[index:]]
        reach = max(reach, block.box[2])
    return [ordered]


def _strips(blocks: Sequence[T]) -> list[list[T]]:
    """The blocks in groups from top to bottom, with white between; groups in columns are one."""
    ordered = sorted(blocks, key=lambda block: block.box[1])
    cut: list[list[T]] = [[ordered[0]]]
    reach = ordered[0].box[3]
    for block in ordered[1:]:
        if block.box[1] >= reach - 1.0:  # boxes of lines overlap by a hair
            cut.append([])
        cut[-1].append(block)
        reach = max(reach, block.box[3])
    strips = [cut[0]]
    for strip in cut[1:]:
        if len(_columns(strips[-1] + strip)) > 1:
            strips[-1] = strips[-1] + strip
        else:
            strips.append(strip)
    return strips


def text_columns(lines: Iterable[Box], page_width: float) -> list[tuple[float, float]]:
    """The columns of a page as (x0, x1) in points, from its lines of body text; or its whole width.

    A gutter is crossed by fewer than a sixth of the lines that cross the fullest place.
    """
    width = int(page_width) + 2
    change = [0] * (width + 1)
    boxes = list(lines)
    for box in boxes:
        change[min(max(int(box[0]), 0), width)] += 1
        change[min(max(int(box[2]) + 1, 0), width)] -= 1
    depths = [0, *accumulate(change)]
    least = max(max(depths) / 6, 1)
    edges = [x for x, (a, b) in enumerate(pairwise(depths)) if (a >= least) != (b >= least)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    columns = [(float(x0), float(x1)) for x0, x1 in spans if x1 - x0 > 0.15 * page_width]
    if not columns:
        return [(0.0, page_width)]
    # Only gutters are cut out: few lines may reach the outer edges of a page set ragged.
    columns[0] = (min(box[0] for box in boxes), columns[0][1])
    columns[-1] = (columns[-1][0], max(box[2] for box in boxes))
    return columns
