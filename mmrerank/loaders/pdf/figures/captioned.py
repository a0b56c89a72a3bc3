"""The figure of each caption: the drawings, or the lines of text, up to the next body text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mmrerank.loaders.boxes import (
    Box,
    height,
    mostly_inside,
    overlap,
    shared_height,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.caption_zones import is_in_zone, zone_of_caption
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
]


def captioned_regions(
    layout: PageLayout, settings: FigureSettings, *, tables: bool
) -> list[Region]:
    """The figures and tables that have a caption.

    Tables with lines are returned even without `tables`, so that their lines are not taken for a
    figure; tables without lines are returned only with `tables`.
    """
    claims = _shared_out(layout, drawings_of_captions(layout, settings), settings)
    boxes = [around(parts) for _, parts in claims]
    regions = [
        _drawn_region(_without_labels_of(layout, box, boxes), caption, parts, settings)
        for (caption, parts), box in zip(claims, boxes, strict=True)
    ]
    with_drawing = [caption for caption, _ in claims]
    for caption in layout.captions:
        if caption not in with_drawing and (tables or not _is_table(caption)):
            taken = [region.box for region in regions]
            if region := _text_region(layout, caption, taken, settings):
                regions.append(region)
    return regions


def _shared_out(layout: PageLayout, claims: Claims, settings: FigureSettings) -> Claims:
    """The claims; a drawing over two captions side by side is cut between them, half for each.

    Two charts may stand so close that they are one drawing.
    """
    shared: Claims = []
    for caption, parts in claims:
        box = around(parts)
        right = _caption_beside(layout, caption, box, claims, settings) if len(parts) == 1 else None
        if right is None:
            shared.append((caption, parts))
            continue
        first, second = sorted((caption, right), key=lambda block: block.box[0])
        middle = (first.box[2] + second.box[0]) / 2
        shared.append((first, [replace(parts[0], box=(box[0], box[1], middle, box[3]))]))
        shared.append((second, [replace(parts[0], box=(middle, box[1], box[2], box[3]))]))
    return shared


def _caption_beside(
    layout: PageLayout, caption: Block, drawing: Box, claims: Claims, settings: FigureSettings
) -> Block | None:
    """A caption of the same kind without a drawing that stands beside one, under its drawing."""
    for other in _without_drawings(layout.captions, claims):
        lowest = settings.level_share * min(height(other.box), height(caption.box))
        level = shared_height(other.box, caption.box) > lowest
        under = shared_width(other.box, drawing) > settings.zone_caption_share * width(other.box)
        if level and under and _is_table(other) == _is_table(caption):
            return other
    return None


def _without_labels_of(layout: PageLayout, drawing: Box, figures: Iterable[Box]) -> PageLayout:
    """The page without the labels that stand in the drawings of other figures."""
    others = [box for box in figures if box != drawing]
    labels = (
        line
        for line in layout.labels
        if mostly_inside(line.box, drawing) or not any(mostly_inside(line.box, o) for o in others)
    )
    return replace(layout, labels=tuple(labels)) if others else layout


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
    inside = [item for item in free if is_in_zone(item.box, zone, caption, settings)]
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
    lines = [line for line in layout.labels if is_in_zone(line.box, zone, caption, settings)]
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
