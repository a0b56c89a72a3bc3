"""What a numbered caption owns: the drawings, or the lines of text, up to the next body text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrerank.loaders.boxes import Box, overlap, union
from mmrerank.loaders.pdf.figures.components import Component, around, is_big
from mmrerank.loaders.pdf.figures.layout import Layout
from mmrerank.loaders.pdf.page import Block, Line

__all__ = ["drawings_of_captions", "frame_of_caption", "lines_of_caption"]

_FAR = 150.0  # points between a caption and its figure: charts leave wide margins

_FAR_PART = 100.0  # points between two parts of a figure

_FAR_FRAME = 40.0  # points between a caption and a framed listing

_NEARER = 3.0  # times: captions may stand nearer to the next figure than to their own

_FAR_LINE = 26.0  # points between a caption and a listing, or between two of its lines

_HEADING_SIZE = 1.15  # times the body text: a heading ends a listing


def drawings_of_captions(layout: Layout) -> list[tuple[Block, list[Component]]]:
    """Captions with their drawings, looking above first or below first.

    Most documents set captions below; where that leaves more captions without a figure than
    the opposite does, or figures far away that the opposite has near, this page sets them above.
    """
    usual, opposite = _claims(layout, above_first=True), _claims(layout, above_first=False)
    nearer = len(opposite) == len(usual) and _NEARER * _white(opposite) < _white(usual)
    return opposite if len(opposite) > len(usual) or nearer else usual


def _white(claims: Sequence[tuple[Block, list[Component]]]) -> float:
    """Points of white between all captions and their drawings."""
    boxes = [(caption.box, around(parts)) for caption, parts in claims]
    return sum(max(box[1] - one[3], one[1] - box[3], 0.0) for one, box in boxes)


def _claims(layout: Layout, *, above_first: bool) -> list[tuple[Block, list[Component]]]:
    claims: dict[int, list[Component]] = {}
    for above in (above_first, not above_first):
        for index, caption in enumerate(layout.captions):
            if index not in claims and not _is_turned(caption):
                taken = [item for parts in claims.values() for item in parts]
                if parts := _beside(layout, caption, taken, above=above):
                    claims[index] = parts
    for index, caption in enumerate(layout.captions):
        taken = [item for parts in claims.values() for item in parts]
        if _is_turned(caption) and (parts := _beside_turned(layout, taken)):
            claims[index] = parts
    return [(layout.captions[index], parts) for index, parts in claims.items()]


def _is_turned(caption: Block) -> bool:
    return not any(line.upright for line in caption.lines)


def _beside_turned(layout: Layout, taken: Sequence[Component]) -> list[Component]:
    """All that is drawn on a page that a figure set sideways, with its caption, has for itself."""
    parts = [item for item in layout.drawn if item not in taken]
    alone = parts and not any(overlap(block.box, around(parts)) for block in layout.body)
    return parts if alone and is_big(around(parts)) else []


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
        far = _FAR_PART if parts else _FAR
        if (edge - item.box[3] if above else item.box[1] - edge) > far:
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


def frame_of_caption(layout: Layout, caption: Block, taken: Sequence[Box]) -> Box | None:
    """The nearest frame around text above a caption, or below: a listing set like body text."""
    x0, y0, x1, y1 = caption.box
    near = []
    for frame in layout.frames:
        gap = y0 - frame[3] if frame[3] < (y0 + y1) / 2 else frame[1] - y1
        beside = min(frame[2], x1) - max(frame[0], x0) > 0.5 * min(frame[2] - frame[0], x1 - x0)
        if -5.0 < gap < _FAR_FRAME and beside and frame not in taken and is_big(frame):
            near.append((frame[1] > y0, gap, frame))
    return min(near)[2] if near else None


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
    x0, x1 = _own_width(layout, caption, x0, x1)
    if above:
        top = max((o[3] for o in across if o[1] < box[1] and o[3] < box[3]), default=0.0)
        return (x0, min(top, box[1]), x1, box[1])
    ends = [o[1] for o in across if o[3] > box[3] and o[1] > box[1]]
    return (x0, box[3], x1, max(min(ends, default=layout.whole[3]), box[3]))


def _own_width(layout: Layout, caption: Block, x0: float, x1: float) -> tuple[float, float]:
    """The width of a caption's zone without that of captions beside it."""
    box = caption.box
    for other in layout.captions:
        if min(other.box[3], box[3]) - max(other.box[1], box[1]) > 0.0:
            if other.box[0] > box[2]:
                x1 = min(x1, (other.box[0] + box[2]) / 2)
            elif other.box[2] < box[0]:
                x0 = max(x0, (other.box[2] + box[0]) / 2)
    return x0, x1


def _is_in(box: Box, zone: Box, caption: Block) -> bool:
    """Whether something lies in a caption's zone; it may stick out to the sides."""
    inside_height = min(box[3], zone[3]) - max(box[1], zone[1]) >= 0.6 * (box[3] - box[1])
    middle_inside = zone[0] <= (box[0] + box[2]) / 2 <= zone[2]
    over_caption = min(box[2], caption.box[2]) - max(box[0], caption.box[0])
    return inside_height and (
        middle_inside or over_caption > 0.5 * (caption.box[2] - caption.box[0])
    )
