"""The figures that are text: listings, boxed text, text between rules, tables without lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mmrerank.loaders.boxes import (
    Box,
    area,
    height,
    mostly_inside,
    overlap,
    shared_height,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.caption_zones import (
    distance_key,
    gap_between,
    is_in_zone,
    zone_of_caption,
)
from mmrerank.loaders.pdf.figures.components import is_big
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Line, Region

__all__ = [
    "frame_around_caption",
    "frame_of_caption",
    "is_table_caption",
    "lines_of_caption",
    "text_at_top",
    "text_between_rules",
    "text_region",
]


def is_table_caption(caption: Block) -> bool:
    """Whether a caption says "table"."""
    return caption.caption is not None and caption.caption.kind == "table"


def text_region(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Region | None:
    """A listing, boxed text or a table without lines; `taken` are the boxes of other figures."""
    layout = _without_labels(layout, settings)
    if is_table_caption(caption):  # most documents set these above, captions of figures below
        box = lines_of_caption(layout, caption, taken, settings, above_first=False)
        return Region(box, "table", caption) if box else None
    box = frame_around_caption(layout, caption, taken, settings)
    box = box or text_between_rules(layout, caption, taken, settings)
    if not box and _may_be_open(caption):
        box = lines_of_caption(layout, caption, taken, settings, above_first=True)
    box = box or frame_of_caption(layout, caption, taken, settings)
    if not box and _may_be_open(caption):
        box = text_at_top(layout, caption, taken, settings)
    return Region(box, "text", caption) if box else None


def _without_labels(layout: PageLayout, settings: FigureSettings) -> PageLayout:
    """The page without the words in its drawings of curves, which are no listing."""
    drawn = [item.box for item in layout.drawings if item.shapes > item.straight]
    drawn = [box for box in drawn if is_big(box, settings)]
    labels = (
        line for line in layout.labels if not any(mostly_inside(line.box, box) for box in drawn)
    )
    return replace(layout, labels=tuple(labels)) if drawn else layout


def _may_be_open(caption: Block) -> bool:
    """Whether a caption may be of text without a frame: boxes have one, charts are drawn."""
    label = caption.caption.label if caption.caption else ""
    return not label.startswith(("box ", "chart "))


def frame_around_caption(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Box | None:
    """The smallest frame in which a caption stands with text, and no other figure; or None."""
    others = [other.box for other in layout.captions if other is not caption]
    frames = [
        frame
        for frame in layout.frames
        if mostly_inside(caption.box, frame)
        and height(frame) > settings.min_panel_lines * height(caption.box)
        and not any(overlap(other, frame) for other in (*taken, *others))
    ]
    return min(frames, key=area, default=None)


def text_between_rules(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Box | None:
    """The text between two equally wide rules of which a caption stands at one, inside or out."""
    beside = [rule for rule in layout.rules if _is_at(rule, caption.box, settings)]
    edge = settings.column_tolerance
    pairs = [
        union(rule, other)
        for rule in beside
        for other in layout.rules
        if max(abs(rule[0] - other[0]), abs(rule[2] - other[2])) < edge
        and not _is_of_next(layout, caption, union(rule, other), other, settings)
    ]
    boxes = [box for box in pairs if _is_float(layout, caption, box, taken, settings)]
    # A caption outside the rules of its figure may stand inside those of the page.
    return min(boxes, key=lambda box: (mostly_inside(caption.box, box), area(box)), default=None)


def _is_at(rule: Box, caption: Box, settings: FigureSettings) -> bool:
    """Whether a rule runs right above or below a caption."""
    gap = max(rule[1] - caption[3], caption[1] - rule[3])
    over = shared_width(rule, caption) > settings.frame_width_share * width(caption)
    return over and -settings.text_margin < gap < settings.max_rule_gap


def _is_of_next(
    layout: PageLayout, caption: Block, box: Box, rule: Box, settings: FigureSettings
) -> bool:
    """Whether a caption stands in a box that ends at the rule of another one, whose text it is."""
    others = (other.box for other in layout.captions if other is not caption)
    return mostly_inside(caption.box, box) and any(_is_at(rule, o, settings) for o in others)


def _is_float(
    layout: PageLayout,
    caption: Block,
    box: Box,
    taken: Sequence[Box],
    settings: FigureSettings,
) -> bool:
    """Whether a box holds lines of text beside its caption, no other figure, and no whole column."""
    others = [other.box for other in layout.captions if other is not caption]
    if any(overlap(other, box) for other in (*taken, *others)):
        return False
    lines = [line for line in _lines_outside_captions(layout) if mostly_inside(line, box)]
    lowest = height(box) <= settings.max_float_share * layout.whole[3]
    return lowest and is_big(box, settings) and len(lines) >= settings.min_panel_lines


def _lines_outside_captions(layout: PageLayout) -> list[Box]:
    """The boxes of all lines of text but those of captions."""
    body = [line.box for block in layout.body for line in block.lines]
    return [*body, *(line.box for line in layout.labels if line.upright)]


def text_at_top(
    layout: PageLayout, caption: Block, taken: Sequence[Box], settings: FigureSettings
) -> Box | None:
    """The text from the top of a caption's columns down to it; None if it is set as paragraphs.

    The lines of listings and definitions end where they end, those of paragraphs at the edge of
    the column.
    """
    left, right = _columns_of(layout, caption.box)
    head = settings.page_edge_share * layout.whole[3]
    page = [line for line in _lines_outside_captions(layout) if line[1] > head]
    lines = [
        line
        for line in page
        if line[3] < caption.box[1] and left <= (line[0] + line[2]) / 2 <= right
    ]
    if not lines:
        return None
    box = union(*lines)
    near = caption.box[1] - box[3] < settings.max_line_gap
    first = box[1] - min(line[1] for line in page) < settings.max_line_gap
    if not (near and first and _is_ragged(lines, left, right, settings)):
        return None
    return box if _is_float(layout, caption, box, taken, settings) else None


def _columns_of(layout: PageLayout, caption: Box) -> tuple[float, float]:
    """The left and right edge of the columns that a caption stands in."""
    x0, _, x1, _ = caption
    columns = [column for column in layout.columns if column[0] < x1 and column[1] > x0]
    return min(columns, default=(x0, x1))[0], max(columns, default=(x0, x1))[1]


def _is_ragged(lines: Sequence[Box], left: float, right: float, settings: FigureSettings) -> bool:
    """Whether most lines end far from the right edge of their column."""
    full = right - settings.ragged_share * (right - left)
    return sum(line[2] > full for line in lines) < settings.max_full_lines * len(lines)


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
    for line in sorted(lines, key=lambda line: distance_key(line.box, above=above)):
        farthest = settings.max_line_gap if near is not caption.box else settings.max_listing_gap
        if gap_between(near, line.box, above=above) > farthest or line.size > largest:
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
        gap = gap_between(caption.box, frame, above=frame[3] < middle)
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
