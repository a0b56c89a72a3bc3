"""The figure of each caption: the drawings, or the lines of text, up to the next body text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mmrerank.loaders.boxes import Box, height, overlap, shared_height, shared_width, union, width
from mmrerank.loaders.pdf.figures.components import Component, around, is_big, kind_of
from mmrerank.loaders.pdf.figures.labels import box_with_labels
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Line, Region

__all__ = [
    "captioned_regions",
    "drawings_of_captions",
    "frame_of_caption",
    "lines_of_caption",
    "zone_of_caption",
]


def captioned_regions(
    layout: PageLayout, settings: FigureSettings, *, tables: bool
) -> list[Region]:
    """The figures and tables that have a caption.

    Tables with lines are returned even without `tables`, so that their lines are not taken for a
    figure; tables without lines are returned only with `tables`.
    """
    claims = drawings_of_captions(layout, settings)
    regions = [_drawn_region(layout, caption, parts, settings) for caption, parts in claims]
    with_drawing = [caption for caption, _ in claims]
    for caption in layout.captions:
        if caption not in with_drawing and (tables or not _is_table(caption)):
            taken = [region.box for region in regions]
            if region := _text_region(layout, caption, taken, settings):
                regions.append(region)
    return regions


def _is_table(caption: Block) -> bool:
    return caption.caption is not None and caption.caption.kind == "table"


def _drawn_region(
    layout: PageLayout, caption: Block, parts: Sequence[Component], settings: FigureSettings
) -> Region:
    box = box_with_labels(layout, around(parts), settings.label_reach, settings, far=True)
    kind = "table" if _is_table(caption) else kind_of(parts, settings)
    return Region(box, kind, caption)


def _text_region(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Region | None:
    """A listing or a table without lines; `taken` are the boxes of other figures."""
    if _is_table(caption):  # most documents set the captions of tables above, of figures below
        box = lines_of_caption(layout, caption, taken, settings, above_first=False)
        return Region(box, "table", caption) if box else None
    box = lines_of_caption(layout, caption, taken, settings, above_first=True)
    box = box or frame_of_caption(layout, caption, taken, settings)
    return Region(box, "text", caption) if box else None


Claims = list[tuple[Block, list[Component]]]
"""Captions, each with the drawings of its figure."""


def drawings_of_captions(layout: PageLayout, settings: FigureSettings) -> Claims:
    """Captions with their drawings, looking above first or below first.

    Most documents set captions below; where that leaves more captions without a figure than
    the opposite does, or figures far away that the opposite has near, this page sets them above.
    """
    usual = _claims(layout, settings, above_first=True)
    opposite = _claims(layout, settings, above_first=False)
    nearer = settings.nearer_ratio * _white(opposite) < _white(usual)
    better = len(opposite) > len(usual) or (len(opposite) == len(usual) and nearer)
    return opposite if better else usual


def _white(claims: Claims) -> float:
    """Points of white between all captions and their drawings."""
    boxes = [(caption.box, around(parts)) for caption, parts in claims]
    return sum(max(-shared_height(caption, box), 0.0) for caption, box in boxes)


def _claims(layout: PageLayout, settings: FigureSettings, *, above_first: bool) -> Claims:
    upright = [caption for caption in layout.captions if not _is_turned(caption)]
    turned = [caption for caption in layout.captions if _is_turned(caption)]
    claims: Claims = []
    for above in (above_first, not above_first):
        for caption in _without_drawings(upright, claims):
            if parts := _drawings_beside(layout, caption, _taken(claims), settings, above=above):
                claims.append((caption, parts))
    for caption in turned:
        if parts := _drawings_beside_turned(layout, _taken(claims), settings):
            claims.append((caption, parts))
    return claims


def _without_drawings(captions: Iterable[Block], claims: Claims) -> list[Block]:
    """The captions that have no drawings yet."""
    return [caption for caption in captions if all(caption is not owner for owner, _ in claims)]


def _taken(claims: Claims) -> list[Component]:
    return [item for _, parts in claims for item in parts]


def _is_turned(caption: Block) -> bool:
    return not any(line.upright for line in caption.lines)


def _drawings_beside_turned(
    layout: PageLayout, taken: Sequence[Component], settings: FigureSettings
) -> list[Component]:
    """All drawings of a page that has nothing but one figure set sideways; [] for other pages."""
    parts = [item for item in layout.drawings if item not in taken]
    if not parts or any(overlap(block.box, around(parts)) for block in layout.body):
        return []
    return parts if is_big(around(parts), settings) else []


def _drawings_beside(
    layout: PageLayout,
    caption: Block,
    taken: Sequence[Component],
    settings: FigureSettings,
    *,
    above: bool,
) -> list[Component]:
    """The free drawings between a caption and the next obstacle above or below it."""
    zone = zone_of_caption(layout, caption, [item.box for item in taken], settings, above=above)
    free = [item for item in layout.drawings if item not in taken]
    inside = [item for item in free if _is_in_zone(item.box, zone, caption, settings)]
    inside.sort(key=lambda item: _from_caption(item.box, above=above))
    parts: list[Component] = []
    near = caption.box
    for item in inside:
        if _gap(near, item.box, above=above) > (
            settings.max_part_gap if parts else settings.max_caption_gap
        ):
            break
        parts.append(item)
        near = union(near, item.box)
    return parts if parts and is_big(around(parts), settings) else []


def _from_caption(box: Box, *, above: bool) -> float:
    """The key that sorts what stands above or below a caption, the nearest first."""
    return -box[3] if above else box[1]


def _gap(near: Box, box: Box, *, above: bool) -> float:
    """Points of white from `near` to a box above it, or below it."""
    return near[1] - box[3] if above else box[1] - near[3]


def lines_of_caption(
    layout: PageLayout,
    caption: Block,
    taken: Sequence[Box],
    settings: FigureSettings,
    *,
    above_first: bool,
) -> Box | None:
    """The box of a listing or a table without lines: at least two lines of text next to its caption.

    `taken` are the boxes of other figures. None if there are no such lines.
    """
    for above in (above_first, not above_first):
        lines = list(_lines_beside(layout, caption, taken, settings, above=above))
        if len(lines) > 1:
            box = union(*(line.box for line in lines))
            if is_big(box, settings):
                return box
    return None


def _lines_beside(
    layout: PageLayout,
    caption: Block,
    taken: Sequence[Box],
    settings: FigureSettings,
    *,
    above: bool,
) -> Iterator[Line]:
    """The lines from a caption up or down to the next gap or heading."""
    zone = zone_of_caption(layout, caption, taken, settings, above=above)
    lines = [line for line in layout.labels if _is_in_zone(line.box, zone, caption, settings)]
    largest = settings.heading_ratio * layout.body_size
    near = caption.box
    for line in sorted(lines, key=lambda line: _from_caption(line.box, above=above)):
        if _gap(near, line.box, above=above) > settings.max_line_gap or line.size > largest:
            return
        yield line
        near = union(near, line.box)


def frame_of_caption(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Box | None:
    """The nearest frame around text above a caption, or else below: a listing set like body text.

    `taken` are the boxes of other figures. None if no frame is near.
    """
    middle = (caption.box[1] + caption.box[3]) / 2
    near = []
    for frame in layout.frames:
        gap = _gap(caption.box, frame, above=frame[3] < middle)
        fits = -settings.frame_gap_tolerance < gap < settings.max_frame_gap
        share = settings.frame_width_share * min(width(frame), width(caption.box))
        over = shared_width(frame, caption.box) > share
        if fits and over and frame not in taken and is_big(frame, settings):
            near.append((frame[1] > caption.box[1], gap, frame))
    return _with_stacked(layout, min(near)[2], taken, settings) if near else None


def _with_stacked(
    layout: PageLayout, frame: Box, taken: Sequence[Box], settings: FigureSettings
) -> Box:
    """A frame with its title bar, and with the equally wide frames on it or under it."""
    others = [*layout.frames, *(item.box for item in layout.drawings if not item.images)]
    same = settings.corner_gap
    stack = [
        box
        for box in others
        if abs(box[0] - frame[0]) < same and abs(box[2] - frame[2]) < same and box not in taken
    ]
    for box in sorted(stack, key=lambda box: abs(box[1] - frame[1])):
        if -shared_height(box, frame) < settings.stacked_frame_gap:
            frame = union(frame, box)
    return frame


def zone_of_caption(
    layout: PageLayout,
    caption: Block,
    taken: Sequence[Box],
    settings: FigureSettings,
    *,
    above: bool,
) -> Box:
    """Where the figure of a caption may be, above it or below it.

    From the caption to the next body text, caption or figure (`taken`), as wide as its columns.
    """
    box = caption.box
    x0, x1 = _zone_width(layout, caption, settings)
    obstacles = _obstacles(layout, caption, taken, settings)
    if above:
        ends = [end[3] for end in obstacles if end[1] < box[1] and end[3] < box[3]]
        return (x0, min(max(ends, default=0.0), box[1]), x1, box[1])
    ends = [end[1] for end in obstacles if end[3] > box[3] and end[1] > box[1]]
    return (x0, box[3], x1, max(min(ends, default=layout.whole[3]), box[3]))


def _obstacles(
    layout: PageLayout, caption: Block, taken: Iterable[Box], settings: FigureSettings
) -> list[Box]:
    """What stands above or below a caption and is not its figure."""
    others = (other.box for other in layout.captions if other is not caption)
    obstacles = [*(block.box for block in layout.body), *layout.text_boxes, *taken, *others]
    least = settings.obstacle_width
    return [obstacle for obstacle in obstacles if shared_width(obstacle, caption.box) > least]


def _zone_width(
    layout: PageLayout, caption: Block, settings: FigureSettings
) -> tuple[float, float]:
    """The left and right edge of a caption's columns, without the half of captions beside it."""
    box, margin = caption.box, settings.column_tolerance
    columns = [c for c in layout.columns if c[1] > box[0] + margin and c[0] < box[2] - margin]
    x0 = min([box[0], *(column[0] for column in columns)])
    x1 = max([box[2], *(column[1] for column in columns)])
    for other in (other.box for other in layout.captions):
        if shared_height(other, box) > 0.0:
            if other[0] > box[2]:
                x1 = min(x1, (other[0] + box[2]) / 2)
            elif other[2] < box[0]:
                x0 = max(x0, (other[2] + box[0]) / 2)
    return x0, x1


def _is_in_zone(box: Box, zone: Box, caption: Block, settings: FigureSettings) -> bool:
    """Whether something lies in a caption's zone; it may stick out to the sides."""
    if shared_height(box, zone) < settings.zone_height_share * height(box):
        return False
    if zone[0] <= (box[0] + box[2]) / 2 <= zone[2]:
        return True
    over_caption = shared_width(box, caption.box)
    return over_caption > settings.zone_caption_share * width(caption.box)
