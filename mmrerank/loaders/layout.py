"""One page as a reader sees it: body text in columns, captions, and what is drawn between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from mmrerank.loaders.boxes import Box, area, cut_back, grown, overlap, part_inside
from mmrerank.loaders.drawings import Drawn
from mmrerank.loaders.grid import Component, components, is_content
from mmrerank.loaders.order import text_columns
from mmrerank.loaders.text import Block, Line, is_panel_caption, is_prose

__all__ = ["Layout"]

_RULE_THICKNESS = 2.5  # points
_PANEL, _PANEL_LINES = 0.03, 5  # part of the page, lines of body text in it
_TEXT_BOX, _TEXT_ON_PHOTOGRAPH = 0.25, 0.4  # part of a component that body text covers


class Layout:
    """One page: its body text, its captions, what is drawn, and the lines that may be labels."""

    def __init__(self, whole: Box, blocks: Sequence[Block], body_size: float, drawn: Drawn) -> None:
        self.whole, self.body_size = whole, body_size
        self.captions = [block for block in blocks if block.caption]
        prose = [block for block in blocks if is_prose(block, body_size)]
        self.columns = text_columns([line.box for b in prose for line in b.lines], whole[2])
        gutters = [(a[1], 0.0, b[0], whole[3]) for a, b in pairwise(self.columns)]
        barriers = [grown(block.box, 0.0, 2.0) for block in prose + self.captions]
        images = [image for image in drawn.images if is_content(image, whole)]
        images = [cut_back(cut_back(i, barriers), gutters, least=0.65) for i in images]
        drawings = [path for path in drawn.paths if not self._is_rule(path[0])]
        panels = {box for box, straight in drawings if straight and _is_panel(box, prose, whole)}
        paths = [path for path in drawings if path[0] not in panels]
        found = components(paths, images, whole, barriers + gutters)
        text = [grown(block.box, 4.0, 4.0) for block in blocks]
        found = [item for item in found if not _is_stroke_of_text(item, text)]
        self.text_boxes = [item.box for item in found if _is_text_box(item, prose)]
        self.frames = [*self.text_boxes, *(box for box in panels if is_content(box, whole))]
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


def _labels(blocks: Iterable[Block]) -> Iterator[Line]:
    """The lines of text that may be a figure's; the caption of a panel stays in one piece."""
    for block in blocks:
        if is_panel_caption(block.text):
            yield Line(block.box, block.text, block.size)
        else:
            yield from block.lines


def _is_panel(box: Box, prose: Sequence[Block], whole: Box) -> bool:
    """A tinted area or a frame with paragraphs in it, which also may hold figures."""
    if area(box) < _PANEL * area(whole):
        return False
    inside = [block for block in prose if part_inside(block.box, box) > 0.9]
    return sum(len(block.lines) for block in inside) >= _PANEL_LINES


def _is_stroke_of_text(item: Component, text: Sequence[Box]) -> bool:
    """Rules, underlines and fraction bars: thin, and long or within a block of text."""
    width, height = item.box[2] - item.box[0], item.box[3] - item.box[1]
    if min(width, height) > _RULE_THICKNESS or item.shapes or item.image_area:
        return False
    return max(width, height) > 100.0 or any(overlap(item.box, box) == item.box for box in text)


def _is_text_box(item: Component, prose: Sequence[Block]) -> bool:
    covered = sum(area(overlap(block.box, item.box)) for block in prose)
    photograph = item.image_area >= 0.5 * area(item.box)
    return covered > (_TEXT_ON_PHOTOGRAPH if photograph else _TEXT_BOX) * area(item.box)
