"""What a numbered caption owns: the drawings, or the lines of text, up to the next body text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrerank.loaders.boxes import Box, union
from mmrerank.loaders.grid import Component, around, is_big
from mmrerank.loaders.layout import Layout
from mmrerank.loaders.text import Block, Line

__all__ = ["drawings_of_captions", "lines_of_caption"]

_FAR = 60.0  # points between a caption and its figure, or between two parts of it
_FAR_LINE = 26.0  # points between a caption and a listing, or between two of its lines
_HEADING_SIZE = 1.15  # times the body text: a heading ends a listing


def drawings_of_captions(layout: Layout) -> list[tuple[Block, list[Component]]]:
    """Captions with their drawings, looking above first or below first.

    Most documents set captions below; where that leaves more captions without a figure than
    the opposite does, this page sets them above.
    """
    usual, opposite = _claims(layout, above_first=True), _claims(layout, above_first=False)
    return opposite if len(opposite) > len(usual) else usual


def _claims(layout: Layout, *, above_first: bool) -> list[tuple[Block, list[Component]]]:
    claims: dict[int, list[Component]] = {}
    for above in (above_first, not above_first):
        for index, caption in enumerate(layout.captions):
            if index not in claims:
                taken = [item for parts in claims.values() for item in parts]
                if parts := _beside(layout, caption, taken, above=above):
                    claims[index] = parts
    return [(layout.captions[index], parts) for index, parts in claims.items()]


def _beside(
    layout: Layout, caption: Block, taken: list[Component], *, above: bool
) -> list[Component]:
    """The free components between a caption and the next obstacle above or below it."""
    zone = _zone(layout, caption, [item.box for item in taken], above=above)
    inside = [
        item for item in layout.drawn if item not in taken and _is_in(item.box, zone, caption)
    ]
    inside.sort(key=lambda item: -item.box[3] if above else item.box[1])
    parts: list[Component] = []
    edge = caption.box[1] if above else caption.box[3]
    for item in inside:
        if (edge - item.box[3] if above else item.box[1] - edge) > _FAR:
            break
        parts.append(item)
        edge = min(edge, item.box[1]) if above else max(edge, item.box[3])
    return parts if parts and is_big(around(parts)) else []


def lines_of_caption(
    layout: Layout, caption: Block, taken: Sequence[Box], *, above_first: bool
) -> Box | None:
    """The box of a listing or a table without rules: the lines next to its caption, two at least.

    `taken` are the boxes of other figures.
    """
    for above in (above_first, not above_first):
        lines = list(_lines_beside(layout, caption, taken, above=above))
        if len(lines) > 1:
            box = union(*(line.box for line in lines))
            if is_big(box):
                return box
    return None


def _lines_beside(
    layout: Layout, caption: Block, taken: Sequence[Box], *, above: bool
) -> Iterator[Line]:
    zone = _zone(layout, caption, taken, above=above)
    lines = [line for line in layout.labels if _is_in(line.box, zone, caption)]
    edge = caption.box[1] if above else caption.box[3]
    for line in sorted(lines, key=lambda line: -line.box[3] if above else line.box[1]):
        gap = edge - line.box[3] if above else line.box[1] - edge
        if gap > _FAR_LINE or line.size > _HEADING_SIZE * layout.body_size:
            return
        yield line
        edge = min(edge, line.box[1]) if above else max(edge, line.box[3])


def _zone(layout: Layout, caption: Block, taken: Sequence[Box], *, above: bool) -> Box:
    """From the caption to the next body text, caption or figure, as wide as its columns."""
    box = caption.box
    obstacles = [block.box for block in layout.body] + layout.text_boxes + list(taken)
    obstacles += [other.box for other in layout.captions if other is not caption]
    across = [o for o in obstacles if min(o[2], box[2]) - max(o[0], box[0]) > 2.0]
    columns = [c for c in layout.columns if c[1] > box[0] + 5.0 and c[0] < box[2] - 5.0]
    x0 = min([box[0], *(column[0] for column in columns)])
    x1 = max([box[2], *(column[1] for column in columns)])
    if above:
        top = max((o[3] for o in across if o[1] < box[1] and o[3] < box[3]), default=0.0)
        return (x0, min(top, box[1]), x1, box[1])
    ends = [o[1] for o in across if o[3] > box[3] and o[1] > box[1]]
    return (x0, box[3], x1, max(min(ends, default=layout.whole[3]), box[3]))


def _is_in(box: Box, zone: Box, caption: Block) -> bool:
    """Whether something lies in a caption's zone; it may stick out to the sides."""
    inside_height = min(box[3], zone[3]) - max(box[1], zone[1]) >= 0.6 * (box[3] - box[1])
    middle_inside = zone[0] <= (box[0] + box[2]) / 2 <= zone[2]
    over_caption = min(box[2], caption.box[2]) - max(box[0], caption.box[0])
    return inside_height and (
        middle_inside or over_caption > 0.5 * (caption.box[2] - caption.box[0])
    )
