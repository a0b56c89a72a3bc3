"""The text of one page, as figure finding sees it: captions, body text, columns and gutters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmrerank.loaders.boxes import Box, mostly_inside, part_inside
from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.lines import is_prose
from mmrerank.loaders.pdf.text.reading_order import text_columns

__all__ = ["TextLayout", "captions_outside", "lines_inside", "read_text_layout"]


@dataclass(frozen=True, slots=True)
class TextLayout:
    """The text of one page.

    `whole` is the box of the page, `body_size` the font size of the document's body text in points.
    `prose` are the blocks of body text; `columns` are the (x0, x1) of the columns that they stand
    in, `gutters` the white between those.
    """

    whole: Box
    body_size: float
    blocks: tuple[Block, ...]
    lines: tuple[Line, ...]
    captions: tuple[Block, ...]
    prose: tuple[Block, ...]
    prose_lines: tuple[Line, ...]
    columns: tuple[tuple[float, float], ...]
    gutters: tuple[Box, ...]


def read_text_layout(
    whole: Box, blocks: Sequence[Block], body_size: float, settings: FigureSettings
) -> TextLayout:
    """The text layout of a page whose box is `whole` and whose text is `blocks`."""
    captions = tuple(block for block in blocks if block.caption)
    prose = tuple(block for block in blocks if is_prose(block, body_size))
    prose_lines = _lines(prose)
    columns = text_columns([line.box for line in prose_lines], whole[2])
    return TextLayout(
        whole,
        body_size,
        tuple(blocks),
        _lines(blocks),
        captions,
        prose,
        prose_lines,
        tuple(columns),
        tuple(_gutters(columns, prose, captions, settings)),
    )


def captions_outside(text: TextLayout, drawings: Sequence[Component]) -> tuple[Block, ...]:
    """The captions but "Table 1" with nothing else, within a drawing of curves: its label."""
    curved = [part.box for part in drawings if part.shapes > part.straight]
    return tuple(
        block
        for block in text.captions
        if not _is_bare_table(block) or not any(mostly_inside(block.box, box) for box in curved)
    )


def _is_bare_table(block: Block) -> bool:
    caption = block.caption
    return bool(caption and caption.kind == "table" and not block.text[caption.title :].strip())


def lines_inside(
    text: TextLayout, box: Box, settings: FigureSettings, *, longer_than: int
) -> list[Box]:
    """The boxes of the lines within a box that have more than `longer_than` characters."""
    return [
        line.box
        for line in text.lines
        if len(line.text) > longer_than and part_inside(line.box, box) > settings.inside_share
    ]


def _lines(blocks: Sequence[Block]) -> tuple[Line, ...]:
    return tuple(line for block in blocks for line in block.lines)


def _gutters(
    columns: Sequence[tuple[float, float]],
    prose: Sequence[Block],
    captions: Sequence[Block],
    settings: FigureSettings,
) -> list[Box]:
    """The white between columns, as far up and down as there is text in them."""
    if sum(len(block.lines) for block in prose) < settings.min_column_lines:
        return []  # captions side by side are not columns
    text = [block.box for block in (*prose, *captions)]
    top, bottom = min(box[1] for box in text), max(box[3] for box in text)
    return [(left[1], top, right[0], bottom) for left, right in pairwise(columns)]
