"""One page as a reader sees it: body text in columns, captions, and what is drawn between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from mmrerank.loaders.boxes import Box, area, cut_back, grown, overlap, part_inside
from mmrerank.loaders.pdf.figures.components import (
    FRAME,
    MOST,
    Component,
    components,
    in_one_piece,
    is_content,
)
from mmrerank.loaders.pdf.figures.paths import Drawn, frames_of_lines
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.lines import is_panel_caption, is_prose
from mmrerank.loaders.pdf.text.reading_order import text_columns

__all__ = ["Layout"]

_RULE_THICKNESS = 2.5  # points

_PANEL, _PANEL_LINES = 0.02, 3  # part of the page, lines in it

_WORDS = 5  # characters: shorter lines may be the numbers and points of a chart

_LONG = 20  # characters: longer lines are no labels

_PANEL_TEXT = 0.1  # part of it that is covered by text

_BACKDROP, _BACKDROP_TEXT = 0.3, 0.15  # part of the page, part of it that is covered by text

_INTO_GUTTER = 6.0  # points that figures stick out of their columns

_COLUMN_LINES = 10  # lines of body text that make columns

_ICON = 0.005  # of the page: smaller images are parts of a diagram

_PICTURE = 0.01  # of the page: smaller images may be the bars of a chart

_EDGE = 1.5  # times the area of an image

_BAND = 8.0  # times as long as wide

_BLEED, _BLEEDING = 3.0, 0.02  # points from the edge of the page, part of the page

_TEXT_BOX, _TEXT_ON_PHOTOGRAPH = 0.25, 0.4  # part of a component that body text covers


class Layout:
    """One page: its body text, its captions, what is drawn, and the lines that may be labels."""

    def __init__(self, whole: Box, blocks: Sequence[Block], body_size: float, drawn: Drawn) -> None:
        self.whole, self.body_size = whole, body_size
        self.captions = [block for block in blocks if block.caption]
        prose = [block for block in blocks if is_prose(block, body_size)]
        self.columns = text_columns([line.box for b in prose for line in b.lines], whole[2])
        gutters = _gutters(self.columns, prose, self.captions)
        # Line by line: text that runs around a picture has it within the box of its block.
        barriers = [grown(line.box, 0.0, 2.0) for b in prose + self.captions for line in b.lines]
        text = [line for block in blocks for line in block.lines]
        images = [i for i in drawn.images if not _is_backdrop(i, text, whole)]
        images = in_one_piece(images, _ICON * area(whole), gutters)
        images = [cut_back(cut_back(i, barriers), gutters, least=0.65) for i in images]
        drawings = [path for path in drawn.paths if not self._is_rule(path.box)]
        frames = {path.box: [path] for path in drawings if path.frames}
        for box, lines in frames_of_lines(drawings):
            frames.setdefault(box, []).extend(lines)
        self.panels = sorted(box for box in frames if _is_panel(box, text, prose, images, whole))
        backs = {path for box in self.panels for path in frames[box]}
        paths = [
            path
            for path in drawings
            if path not in backs
            and not _is_bleeding(path.box, whole)
            and not any(_is_edge_of(path.box, image) for image in images)
        ]
        barriers += [grown((x0, 0.0, x1, whole[3]), _INTO_GUTTER, 0.0) for x0, _, x1, _ in gutters]
        barriers += [side for path in paths if path.frames for side in _around(path.box)]
        found = components(paths, images, whole, barriers, [line.box for line in text])
        around_text = [grown(block.box, 4.0, 4.0) for block in blocks]
        found = [item for item in found if not _is_stroke_of_text(item, around_text)]
        found = list(_without_text(found, prose))
        found = [item for item in found if not _is_ornament(item, found, text)]
        self.text_boxes = [item.box for item in found if _is_text_box(item, prose)]
        self.frames = [*self.text_boxes, *(box for box in self.panels if is_content(box, whole))]
        self.drawn = [item for item in found if item.box not in self.text_boxes]
        self.body = [
            b for b in prose if not any(part_inside(b.box, i.box) > 0.8 for i in self.drawn)
        ]
        self.labels = list(_labels(b for b in blocks if b not in self.captions + self.body))

    def _is_rule(self, box: Box) -> bool:
        """Thin, and as long as the page is high or a column is wide."""
        width, height = box[2] - box[0], box[3] - box[1]
        if min(width, height) > _RULE_THICKNESS:
            return False
        widths = [x1 - x0 for x0, x1 in self.columns if x0 - 5.0 <= box[0] < x1]
        long = min([0.7 * self.whole[2], *(0.9 * width for width in widths)])
        return height > 0.7 * self.whole[3] or width > long


def _around(box: Box) -> list[Box]:
    """The white around a frame, on each side: what stands outside is not part of it."""
    x0, y0, x1, y1 = box
    wide = grown(box, _INTO_GUTTER, _INTO_GUTTER)
    return [
        (wide[0], wide[1], wide[2], y0), (wide[0], y1, wide[2], wide[3]),
        (wide[0], y0, x0, y1), (x1, y0, wide[2], y1),
    ]  # fmt: skip


def _gutters(
    columns: Sequence[tuple[float, float]], prose: Sequence[Block], captions: Sequence[Block]
) -> list[Box]:
    """The white between columns, as far up and down as there is text in them."""
    if sum(len(block.lines) for block in prose) < _COLUMN_LINES:
        return []  # captions side by side are no columns
    text = [block.box for block in [*prose, *captions]]
    top, bottom = min(box[1] for box in text), max(box[3] for box in text)
    return [(left[1], top, right[0], bottom) for left, right in pairwise(columns)]


def _labels(blocks: Iterable[Block]) -> Iterator[Line]:
    """The lines of text that may be a figure's; the caption of a panel stays in one piece."""
    for block in blocks:
        if is_panel_caption(block.text):
            yield Line(block.box, block.text, block.size)
        else:
            yield from block.lines


def _is_panel(
    box: Box, text: Sequence[Line], prose: Sequence[Block], images: Sequence[Box], whole: Box
) -> bool:
    """A tinted area or a frame that holds text or pictures: it glues nothing together."""
    pictures = [image for image in images if area(image) > _PICTURE * area(whole)]
    if any(part_inside(image, box) > 0.9 for image in pictures):
        return True
    if area(box) < _PANEL * area(whole):
        return False
    inside = [line for line in text if line.text[_WORDS:] and part_inside(line.box, box) > 0.9]
    paragraphs = [block for block in prose if part_inside(block.box, box) > 0.9]
    covered = sum(area(line.box) for line in inside)
    if inside and max(box[2] - box[0], box[3] - box[1]) > _BAND * min(
        box[2] - box[0], box[3] - box[1]
    ):
        return True
    return sum(len(block.lines) for block in paragraphs) >= _PANEL_LINES or (
        len(inside) >= _PANEL_LINES and covered > _PANEL_TEXT * area(box)
    )


def _is_backdrop(image: Box, text: Sequence[Line], whole: Box) -> bool:
    """An image behind all of a page, or behind so much text that it is a coloured area."""
    covered = sum(area(overlap(line.box, image)) for line in text if line.upright)
    large = area(image) > _BACKDROP * area(whole) and covered > _BACKDROP_TEXT * area(image)
    return large or area(image) > MOST * area(whole)


def _is_bleeding(box: Box, whole: Box) -> bool:
    """A large area that runs off the page on two sides: a band, a side column, a background."""
    x0, y0, x1, y1 = grown(box, _BLEED, _BLEED)
    sides = (x0 < 0.0) + (y0 < 0.0) + (x1 > whole[2]) + (y1 > whole[3])
    return sides > 1 and area(box) > _BLEEDING * area(whole)


def _is_edge_of(box: Box, image: Box) -> bool:
    """Whether a path is the frame or the shadow of an image: it may touch the next one's."""
    return part_inside(image, box) > 0.9 and area(box) < _EDGE * area(image)


def _without_text(found: Iterable[Component], prose: Sequence[Block]) -> Iterator[Component]:
    """Components; of those that hold text the images alone, which were beside it."""
    for item in found:
        if item.images and _is_text_box(item, prose):
            yield from (Component(image, images=(image,)) for image in item.images)
        else:
            yield item


def _is_ornament(item: Component, found: Sequence[Component], text: Sequence[Line]) -> bool:
    """A few strokes or areas that text, or something else that is drawn, stands on."""
    if item.images or item.straight + item.shapes > FRAME:
        return False
    if any(part_inside(other.box, item.box) > 0.9 for other in found if other is not item):
        return True
    inside = [line for line in text if line.text[_LONG:] and part_inside(line.box, item.box) > 0.9]
    covered = sum(area(line.box) for line in inside)
    return len(inside) >= _PANEL_LINES and covered > _PANEL_TEXT * area(item.box)


def _is_stroke_of_text(item: Component, text: Sequence[Box]) -> bool:
    """Rules, underlines and fraction bars: thin, and long or within a block of text."""
    width, height = item.box[2] - item.box[0], item.box[3] - item.box[1]
    if min(width, height) > _RULE_THICKNESS or item.shapes or item.images:
        return False
    return max(width, height) > 100.0 or any(overlap(item.box, box) == item.box for box in text)


def _is_text_box(item: Component, prose: Sequence[Block]) -> bool:
    covered = sum(area(overlap(line.box, item.box)) for block in prose for line in block.lines)
    photograph = item.image_area >= 0.5 * area(item.box)
    return covered > (_TEXT_ON_PHOTOGRAPH if photograph else _TEXT_BOX) * area(item.box)
