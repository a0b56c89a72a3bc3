"""The figures of a PDF page, and its tables where asked for.

What a numbered caption owns is its figure; what is left of the drawings is one where it looks so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from mmrerank.loaders.boxes import Box, area, covered, gathered, overlap, part_inside, union
from mmrerank.loaders.pdf.figures.captioned import (
    drawings_of_captions,
    frame_of_caption,
    lines_of_caption,
)
from mmrerank.loaders.pdf.figures.components import (
    FRAME,
    MOST,
    TABLE,
    Component,
    around,
    from_strips,
    is_big,
)
from mmrerank.loaders.pdf.figures.labels import with_labels
from mmrerank.loaders.pdf.figures.layout import Layout
from mmrerank.loaders.pdf.figures.paths import Drawn, read_paths, shows_text
from mmrerank.loaders.pdf.figures.render import Glance
from mmrerank.loaders.pdf.figures.tables import captions_of, find_tables
from mmrerank.loaders.pdf.page import MAX_PATHS, Block, Region
from mmrerank.loaders.pdf.text.lines import is_panel_caption

__all__ = ["find_regions"]

_FEW_CHARACTERS, _MORE_CHARACTERS = 200, 1000  # the title of a cover; a text on a photograph

_DRAWN_ON = 0.1  # part of a page that is a picture: its logos

_LOOKED_AT = 0.01  # of the page: what shows of larger images is looked at

_SAME, _SAME_PHOTOGRAPH = 0.02, 0.5  # of the smaller box: what shares more is one figure

_FILLS = 0.25  # of a frame: a figure that the frame is drawn around

_LABEL_REACH, _NEAR_LABEL_REACH = 12.0, 8.0  # points from a drawing to its labels


def find_regions(
    page: Any,
    blocks: Sequence[Block],
    images: Sequence[Box],
    *,
    body_size: float,
    tables: bool = False,
    max_paths: int = MAX_PATHS,
) -> list[Region]:
    """The figures of a PyMuPDF page, in the coordinates of the page as it is shown.

    `blocks` is its text, `images` are the boxes of its images without those that many pages
    repeat, `body_size` is the font size of the document's body text in points. Raises
    `TooManyPathsError` above `max_paths` paths.
    """
    whole: Box = (0.0, 0.0, page.rect.width, page.rect.height)
    images = from_strips(images)
    filled = any(area(image) > MOST * area(whole) for image in images)
    # OCR programs lay their text behind a scan.
    characters = sum(len(b.text) for b in blocks) if filled and shows_text(page, whole) else 0
    if filled and characters <= _FEW_CHARACTERS:
        return [Region(whole, "page")]
    looked_at = any(area(image) > _LOOKED_AT * area(whole) for image in images)
    glance = Glance(page) if looked_at else None
    if glance:
        images = [_shown(image, blocks, glance) for image in images]
    drawn = Drawn(tuple(images), tuple(read_paths(page, whole, max_paths)))
    layout = Layout(whole, blocks, body_size, drawn)
    captioned = _captioned(layout, tables=tables)
    regions = captioned + _free(layout, [region.box for region in captioned])
    if tables:
        regions = _with_tables(layout, regions, find_tables(page))
    regions = [region for region in regions if region.kind != "table" or tables]
    if glance:
        regions = [_trimmed(region, glance) for region in regions]
    drawn_on = sum(area(region.box) for region in regions) > _DRAWN_ON * area(whole)
    shown = filled and glance is not None and not glance.is_plain
    if shown and characters <= _MORE_CHARACTERS and not drawn_on:
        return [Region(whole, "page")]
    return sorted(regions, key=lambda region: (region.box[1], region.box[0]))


def _shown(image: Box, blocks: Sequence[Block], glance: Glance) -> Box:
    """The part of an image that a clip leaves, where text stands beside that part."""
    lines = [line.box for block in blocks for line in block.lines if overlap(line.box, image)]
    part = glance.visible(image, lines) if lines else image
    return part if any(part_inside(line, part) < 0.5 for line in lines) else image


def _trimmed(region: Region, glance: Glance) -> Region:
    """A region with images without its white edges."""
    if region.kind not in ("raster", "mixed"):
        return region
    box = glance.visible(region.box)
    return replace(region, box=box) if is_big(box) else region


def _with_tables(layout: Layout, regions: Sequence[Region], boxes: Sequence[Box]) -> list[Region]:
    """Regions and tables: what looks like a table by its caption alone gives way to a real one."""
    figures = [region.box for region in regions if region.label and region.kind != "table"]
    boxes = [box for box in boxes if not _is_in_any(box, figures)]
    captions = captions_of(boxes, layout.captions)
    tables = [Region(box, "table", caption) for box, caption in zip(boxes, captions, strict=True)]
    drawn = ("table", "vector", "text")
    others = [
        region
        for region in regions
        if not (region.kind in drawn and _is_table_in(region, boxes))
        and not (region.kind == "table" and region.caption in captions)
    ]
    return others + tables


def _is_table_in(region: Region, boxes: Sequence[Box]) -> bool:
    touched = any(part_inside(box, region.box) > 0.5 for box in boxes)
    return _is_in_any(region.box, boxes) or (region.kind == "table" and touched)


def _captioned(layout: Layout, *, tables: bool) -> list[Region]:
    """What captions own. Tables are found even if not asked for: they are no figures."""
    owned = drawings_of_captions(layout)
    regions = [_region(layout, caption, parts) for caption, parts in owned]
    with_drawing = [caption for caption, _ in owned]
    for caption in layout.captions:
        kind = caption.caption.kind if caption.caption else "figure"
        if caption not in with_drawing and (kind == "figure" or tables):
            taken = [region.box for region in regions]
            above = kind == "figure"  # where most documents set it
            box = lines_of_caption(layout, caption, taken, above_first=above)
            if kind == "figure":
                box = box or frame_of_caption(layout, caption, taken)
            if box:
                regions.append(Region(box, "text" if kind == "figure" else "table", caption))
    return regions


def _region(layout: Layout, caption: Block, parts: Sequence[Component]) -> Region:
    box = with_labels(layout, around(parts), _LABEL_REACH, far=True)
    if caption.caption and caption.caption.kind == "table":
        return Region(box, "table", caption)
    return Region(box, _kind(parts), caption)


def _free(layout: Layout, taken: Sequence[Box]) -> list[Region]:
    """The drawings without a caption that look like figures; those that overlap are one."""
    free = [item for item in layout.drawn if not _is_in_any(item.box, taken)]
    figures = [item for item in free if _is_figure(layout, item)]
    boxes = [
        item.box  # what stands around a photograph is not written in it
        if item.kind == "raster"
        else with_labels(layout, item.box, _NEAR_LABEL_REACH)
        for item in figures
    ]
    panels = _panels(layout, boxes)
    if panels:
        figure = union(*(boxes[index] for index in panels))
        boxes = [figure if index in panels else box for index, box in enumerate(boxes)]
    groups = _overlapping(boxes, [item.kind == "raster" for item in figures])
    found = [
        (union(*(boxes[index] for index in group)), _kind([figures[index] for index in group]))
        for group in groups
    ]
    return [Region(_with_frame(layout, box, taken), kind) for box, kind in found]


def _with_frame(layout: Layout, box: Box, taken: Sequence[Box]) -> Box:
    """A figure with the frame around it, where there is nothing but the figure in the frame."""
    others = [*(item.box for item in layout.drawn), *(b.box for b in layout.body), *taken]
    for frame in layout.panels:
        fills = part_inside(box, frame) > 0.9 and area(box) > _FILLS * area(frame)
        if fills and not any(part_inside(o, frame) > 0.5 > part_inside(o, box) for o in others):
            return union(box, frame)
    return box


def _panels(layout: Layout, boxes: Sequence[Box]) -> list[int]:
    """The indices of boxes that hold "(a) ...", "(b) ...": the panels of one figure."""
    captions = [line.box for line in layout.labels if is_panel_caption(line.text)]
    found = [
        index
        for index, box in enumerate(boxes)
        if any(part_inside(caption, box) > 0.5 for caption in captions)
    ]
    if len(found) < 2:
        return []
    around_all = union(*(boxes[index] for index in found))
    apart = any(part_inside(block.box, around_all) > 0.5 for block in layout.body)
    return [] if apart else found


def _is_figure(layout: Layout, item: Component) -> bool:
    """Whether a component without a caption is a figure: big enough, and no table."""
    if not is_big(item.box):
        return False
    if item.shapes or item.images:
        return True
    text = covered(item.box, (line.box for line in layout.labels))
    return item.straight > FRAME and text < TABLE * area(item.box)


def _is_in_any(box: Box, others: Sequence[Box]) -> bool:
    return any(part_inside(box, other) > 0.5 for other in others)


def _overlapping(boxes: Sequence[Box], photographs: Sequence[bool]) -> list[list[int]]:
    """The indices of boxes that overlap, together; photographs may lie over an edge of another."""

    def is_one(one: int, other: int) -> bool:
        least = _SAME_PHOTOGRAPH if photographs[one] and photographs[other] else _SAME
        smaller = min(area(boxes[one]), area(boxes[other]))
        return area(overlap(boxes[one], boxes[other])) > least * smaller

    return gathered(range(len(boxes)), is_one)


def _kind(parts: Sequence[Component]) -> Literal["raster", "vector", "mixed"]:
    kinds = {item.kind for item in parts}
    return kinds.pop() if len(kinds) == 1 else "mixed"
