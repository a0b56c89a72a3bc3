"""Captions that no figure was found for, and figures without a caption right beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    grown,
    height,
    mostly_inside,
    overlap,
    shared_height,
    shared_width,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.caption_zones import (
    gap_between,
    has_heading_between,
    is_continuation,
)
from mmrerank.loaders.pdf.figures.chart_zones import is_note
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_figures import is_table_caption
from mmrerank.loaders.pdf.page import Block, Region

__all__ = ["with_lone_captions"]

_Pair = tuple[Block, Region]


def with_lone_captions(
    layout: PageLayout, regions: Sequence[Region], settings: FigureSettings
) -> list[Region]:
    """The regions; those without a caption get one that stands alone above, below or beside them.

    All on one page are paired the same way, as the page sets its other captions, or as more of
    them find a region; where both ways are as good, a caption between two regions stays alone.
    """
    alone = _alone(layout.captions, regions)
    free = [region for region in regions if _is_free(region)]
    if not alone or not free:
        return list(regions)
    pairs = _stacked_pairs(layout, alone, free, regions, settings)
    pairs = pairs or _level_pairs(layout, alone, free, regions, settings)
    for caption, region in pairs:
        parts = _row_of(layout, caption, region, regions, settings)
        regions = [other for other in regions if all(other is not part for part in parts)]
        regions.append(_joined(parts, caption))
    return list(regions)


def _joined(parts: Sequence[Region], caption: Block) -> Region:
    kinds = {part.kind for part in parts}
    kind = parts[0].kind if len(kinds) == 1 else "mixed"
    return Region(union(*(part.box for part in parts)), kind, caption)


def _row_of(
    layout: PageLayout,
    caption: Block,
    region: Region,
    regions: Sequence[Region],
    settings: FigureSettings,
) -> list[Region]:
    """A region alone, or the row that it stands in if its caption is centred on the whole row.

    The drawings of such a row have names like "FIGURE 3A." under them.
    """
    row = [other for other in regions if _is_in_row(region, other, settings)]
    whole = union(*(part.box for part in row))
    text = [block.box for block in (*layout.body, *layout.captions)]
    if not all(map(_is_free, row)) or any(mostly_inside(box, whole) for box in text):
        return [region]
    off, off_alone = (abs(_middle(caption.box) - _middle(box)) for box in (whole, region.box))
    centred = off < settings.centred_share * width(whole) and off < off_alone
    return row if centred else [region]


def _is_in_row(region: Region, other: Region, settings: FigureSettings) -> bool:
    """Whether another region stands at the height of one, beside it; one is in its own row."""
    lowest = settings.level_share * min(height(region.box), height(other.box))
    level = shared_height(region.box, other.box) > lowest
    apart = shared_width(region.box, other.box) < settings.column_tolerance
    return other is region or (level and apart)


def _middle(box: Box) -> float:
    return (box[0] + box[2]) / 2


def _alone(captions: Iterable[Block], regions: Iterable[Region]) -> list[Block]:
    """The captions that no region has."""
    owners = {id(region.caption) for region in regions}
    return [caption for caption in captions if id(caption) not in owners]


def _is_free(region: Region) -> bool:
    return not region.label and region.kind != "text"


def _stacked_pairs(
    layout: PageLayout,
    alone: Sequence[Block],
    free: Sequence[Region],
    regions: Sequence[Region],
    settings: FigureSettings,
) -> list[_Pair]:
    """The captions under their regions, or over them: what is usual on this page."""
    under, over = (
        _pairs(layout, alone, free, regions, settings, above=above) for above in (True, False)
    )
    habit = _captions_below(regions) or len(under) - len(over)
    if habit:
        return under if habit > 0 else over
    shared = {id(item) for pair in under for item in pair}
    return [] if any(id(item) in shared for pair in over for item in pair) else [*under, *over]


def _captions_below(regions: Iterable[Region]) -> int:
    """How many more regions have their caption below than above; below 0, how many fewer."""
    drawn = (region for region in regions if region.label and region.kind not in ("table", "text"))
    captions = [(region.box, region.caption.box) for region in drawn if region.caption]
    return sum((1 if caption[3] > box[3] else -1) for box, caption in captions)


def _pairs(
    layout: PageLayout,
    alone: Sequence[Block],
    free: Sequence[Region],
    regions: Sequence[Region],
    settings: FigureSettings,
    *,
    above: bool,
) -> list[_Pair]:
    """Each caption with the nearest region above or below it; none with a region that two want.

    A table's caption that is alone wants its region too, but does not get it: it is a table.
    """
    wanted: list[_Pair] = []
    for caption in alone:
        near = [
            (gap_between(caption.box, region.box, above=above), index)
            for index, region in enumerate(free)
            if _is_next(layout, caption, region, regions, settings, above=above)
        ]
        if near:
            wanted.append((caption, free[min(near)[1]]))
    return [pair for pair in _undisputed(wanted) if not is_table_caption(pair[0])]


def _undisputed(wanted: Sequence[_Pair]) -> list[_Pair]:
    regions = [id(region) for _, region in wanted]
    return [pair for pair in wanted if regions.count(id(pair[1])) == 1]


def _is_next(
    layout: PageLayout,
    caption: Block,
    region: Region,
    regions: Sequence[Region],
    settings: FigureSettings,
    *,
    above: bool,
) -> bool:
    """Whether a region is the next thing above a caption, or below it, with only white between."""
    gap = gap_between(caption.box, region.box, above=above)
    if not -settings.text_margin < gap < settings.max_lone_gap * layout.whole[3]:
        return False
    if gap > settings.max_caption_gap and (
        len(regions) > 1 or not _is_large(layout, region, settings)
    ):
        return False
    if shared_width(caption.box, region.box) < settings.lone_width_share * min(
        width(caption.box), width(region.box)
    ):
        return False
    between = _between(caption.box, region.box)
    return not has_heading_between(layout, caption.box, region.box, settings) and not _is_taken(
        layout, between, caption, region, regions, settings
    )


def _is_large(layout: PageLayout, region: Region, settings: FigureSettings) -> bool:
    return area(region.box) > settings.min_far_share * area(layout.whole)


def _between(first: Box, second: Box) -> Box:
    """What lies between two boxes, one above the other, as wide as both together."""
    both = union(first, second)
    return (both[0], min(first[3], second[3]), both[2], max(first[1], second[1]))


def _is_taken(
    layout: PageLayout,
    between: Box,
    caption: Block,
    region: Region,
    regions: Sequence[Region],
    settings: FigureSettings,
) -> bool:
    """Whether text or another figure stands between a caption and a region."""
    inner = grown(between, 0.0, -settings.text_margin)
    if height(inner) <= 0.0:
        return False
    others = [block.box for block in layout.captions if block is not caption]
    figures = [other.box for other in regions if other is not region]
    if any(overlap(box, inner) for box in (*others, *figures, *layout.text_boxes)):
        return True
    text = [block for block in layout.body if overlap(block.box, inner)]
    text = [block for block in text if not is_continuation(block, caption, settings)]
    return _is_text_between(layout, text, inner, settings)


def _is_text_between(
    layout: PageLayout, text: Sequence[Block], inner: Box, settings: FigureSettings
) -> bool:
    """Whether `text` and the labels in a box are more than a title, a note or an axis' name."""
    labels = [line for line in layout.labels if line.upright and overlap(line.box, inner)]
    longest = max((len(line.text) for line in labels), default=0)
    if not text and longest <= settings.max_lone_label:
        return False
    lines = len(labels) + sum(_lines_of_title(block) for block in text)
    if height(inner) > settings.max_noted_gap or lines > settings.max_sentence_lines:
        return True
    return not all(_is_set_apart(layout, block, settings) for block in text)


def _lines_of_title(block: Block) -> int:
    """How many lines a block has; none if it is a note, which may be long."""
    return 0 if is_note(block.text) else len(block.lines)


def _is_set_apart(layout: PageLayout, block: Block, settings: FigureSettings) -> bool:
    """Whether text begins away from the edges of all columns, as titles do; or is a note."""
    edge = settings.heading_edge
    return is_note(block.text) or all(abs(x0 - block.box[0]) > edge for x0, _ in layout.columns)


def _level_pairs(
    layout: PageLayout,
    alone: Sequence[Block],
    free: Sequence[Region],
    regions: Sequence[Region],
    settings: FigureSettings,
) -> list[_Pair]:
    """The captions that stand beside their regions, as in the margin of a page."""
    pairs = [
        (caption, region)
        for caption in alone
        for region in free
        if _is_beside(layout, caption.box, region.box, settings)
    ]
    captions = [id(caption) for caption, _ in pairs]
    return [
        (caption, region)
        for caption, region in _undisputed(pairs)
        if captions.count(id(caption)) == 1 and not is_table_caption(caption)
    ]


def _is_beside(layout: PageLayout, caption: Box, region: Box, settings: FigureSettings) -> bool:
    """Whether a caption stands at the height of a region, near it and in the same columns."""
    level = shared_height(caption, region) > settings.zone_height_share * height(caption)
    gap = -shared_width(caption, region)
    if not level or not -settings.column_tolerance < gap < settings.sentence_gap:
        return False
    return len(layout.columns) < 2 or _columns(layout, caption) == _columns(layout, region)


def _columns(layout: PageLayout, box: Box) -> list[int]:
    """The columns that a box stands in, by number."""
    return [
        number
        for number, (x0, x1) in enumerate(layout.columns)
        if min(x1, box[2]) - max(x0, box[0]) > 0.0
    ]
