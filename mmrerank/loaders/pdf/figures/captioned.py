"""The figure of each caption: the drawings up to the next body text, or text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mmrerank.loaders.boxes import (
    Box,
    area,
    height,
    mostly_inside,
    overlap,
    part_inside,
    shared_height,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.caption_zones import (
    distance_key,
    gap_between,
    has_heading_between,
    is_in_zone,
    zone_of_caption,
)
from mmrerank.loaders.pdf.figures.components import Component, around, is_big, kind_of
from mmrerank.loaders.pdf.figures.labels import box_with_labels
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_figures import is_table_caption, text_region
from mmrerank.loaders.pdf.page import Block, Region

__all__ = [
    "captioned_regions",
    "drawings_of_captions",
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
        if caption not in with_drawing and (tables or not is_table_caption(caption)):
            taken = [region.box for region in regions]
            if region := text_region(layout, caption, taken, settings):
                regions.append(region)
    return _with_frames(layout, regions, settings)


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
    free = _without_drawings(layout.captions, claims)
    return next((other for other in free if _is_at_too(other, caption, drawing, settings)), None)


def _is_at_too(other: Block, caption: Block, drawing: Box, settings: FigureSettings) -> bool:
    """Whether another caption stands beside that of a drawing, at the drawing too."""
    lowest = settings.level_share * min(height(other.box), height(caption.box))
    level = shared_height(other.box, caption.box) > lowest
    under = shared_width(other.box, drawing) > settings.zone_caption_share * width(other.box)
    return level and under and is_table_caption(other) == is_table_caption(caption)


def _without_labels_of(layout: PageLayout, drawing: Box, figures: Iterable[Box]) -> PageLayout:
    """The page without the labels that stand in the drawings of other figures, or nearer to them."""
    others = [box for box in figures if box != drawing]
    labels = (line for line in layout.labels if not _is_of_other(line.box, drawing, others))
    return replace(layout, labels=tuple(labels)) if others else layout


def _is_of_other(label: Box, drawing: Box, others: Iterable[Box]) -> bool:
    own = _distance(label, drawing)
    if own <= 0.0 and mostly_inside(label, drawing):
        return False
    return any(_distance(label, box) < own or mostly_inside(label, box) for box in others)


def _distance(label: Box, drawing: Box) -> float:
    """Points from a label to a drawing, straight or along the longer way; below 0, they overlap."""
    return max(-shared_width(label, drawing), -shared_height(label, drawing))


def _drawn_region(
    layout: PageLayout, caption: Block, parts: Sequence[Component], settings: FigureSettings
) -> Region:
    box = box_with_labels(layout, around(parts), settings.label_reach, settings, far=True)
    kind = "table" if is_table_caption(caption) else kind_of(parts, settings)
    return Region(box, kind, caption)


def _with_frames(
    layout: PageLayout, regions: Sequence[Region], settings: FigureSettings
) -> list[Region]:
    """The regions, each with the frame that holds it alone if its caption is set at the frame."""
    return [
        replace(region, box=_with_frame(layout, region, regions, settings))
        if region.kind != "table"
        else region
        for region in regions
    ]


def _with_frame(
    layout: PageLayout, region: Region, regions: Sequence[Region], settings: FigureSettings
) -> Box:
    caption = region.caption.box if region.caption else region.box
    others = [other.box for other in regions if other is not region]
    others += [block.box for block in layout.captions]
    for frame in sorted(layout.frames, key=area):
        gap = max(frame[1] - caption[3], caption[1] - frame[3])
        at_edge = -settings.frame_gap_tolerance < gap < settings.max_line_gap
        over = shared_width(frame, caption) > settings.frame_width_share * width(caption)
        holds = part_inside(region.box, frame) > settings.inside_share
        if at_edge and over and holds and not any(mostly_inside(box, frame) for box in others):
            return union(region.box, frame)
    return region.box


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
            if _shares_drawing(caption, claims, settings):
                continue
            if parts := _drawings_beside(layout, caption, _taken(claims), settings, above=above):
                claims.append((caption, parts))
    for caption in turned:
        if parts := _drawings_beside_turned(layout, _taken(claims), settings):
            claims.append((caption, parts))
    return claims


def _shares_drawing(caption: Block, claims: Claims, settings: FigureSettings) -> bool:
    """Whether the one drawing of a caption beside this one is to be shared out among both."""
    return any(
        len(parts) == 1 and _is_at_too(caption, owner, parts[0].box, settings)
        for owner, parts in claims
    )


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
    inside.sort(key=lambda item: distance_key(item.box, above=above))
    parts: list[Component] = []
    near = caption.box
    for item in inside:
        gap = gap_between(near, item.box, above=above)
        if not _is_next_part(layout, parts, item.box, gap, settings):
            break
        parts.append(item)
        near = union(near, item.box)
    return parts if parts and is_big(around(parts), settings) else []


def _is_next_part(
    layout: PageLayout, parts: Sequence[Component], box: Box, gap: float, settings: FigureSettings
) -> bool:
    """Whether a drawing continues a figure with these parts; `gap` is the white between, in points."""
    if not parts:
        return gap <= settings.max_caption_gap
    apart = has_heading_between(layout, around(parts), box, settings)
    return gap <= settings.max_part_gap and not apart
