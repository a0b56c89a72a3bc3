"""Short heavy text that opens nothing: names in the margin, heads of table columns, signatures.

In heavy type of the size of body text, a heading and a label look the same. A heading stands in a
column of text: below it is the text that it opens, or it is the last line of the column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mmrerank.loaders.boxes import shared_height, shared_width, width
from mmrerank.loaders.pdf.page import Block

__all__ = ["with_asides"]

_MAX_LINES, _MAX_CHARACTERS = 3, 150  # of what may be taken for a heading

_NEAR = 2.6  # lines between a heading and the text below it

_NEAR_FIGURE = 8.0  # lines between a heading and the labels of a figure below it

_TEXT = 40  # characters of a block that is text for sure

_FULL = 100  # characters of a paragraph above the last line of a column

_LETTERS_SHARE = 0.65  # of the characters of text, without spaces; cells are full of digits

_NUMBER = re.compile(r"\s*(?:\d{1,3}(?:\.\d{1,3})+[.)]?|\d{1,3}[.)])\s+[^\W\d_]")


def with_asides(blocks: Sequence[Block]) -> list[Block]:
    """The blocks of a page, those marked as `is_aside` that are set like headings and open nothing."""
    asides = {
        id(block) for block in blocks if _may_be_heading(block) and not _opens_text(block, blocks)
    }
    return [replace(block, is_aside=True) if id(block) in asides else block for block in blocks]


def _may_be_heading(block: Block) -> bool:
    return (
        bool(block.lines)
        and all(line.bold and line.upright for line in block.lines)
        and not block.in_figure
        and block.caption is None
        and len(block.lines) <= _MAX_LINES
        and len(block.text) <= _MAX_CHARACTERS
    )


def _opens_text(block: Block, blocks: Sequence[Block]) -> bool:
    """Whether text follows below, directly or after further headings; a number is enough."""
    if _NUMBER.match(block.text):
        return True
    for _ in range(len(blocks)):
        below = _nearest(block, blocks, down=True)
        if below is None:
            return _ends_column(block, blocks)
        if _gap(block, below) > (_NEAR_FIGURE if below.in_figure else _NEAR):
            return False
        if not _may_be_heading(below):
            return _is_opened_by(below, block, blocks)
        block = below
    return False


def _is_opened_by(below: Block, block: Block, blocks: Sequence[Block]) -> bool:
    """Whether the block below a heading is what it opens, and no cell of a column that it heads."""
    if below.in_figure or below.caption:
        return width(below.box) > width(block.box)
    if not _is_prose(below):
        return False
    return len(below.text) >= _TEXT or not any(
        _may_be_heading(other) and _is_beside(other, block) for other in blocks if other != block
    )


def _ends_column(block: Block, blocks: Sequence[Block]) -> bool:
    """Whether a block is the last of a column of text, whose next column it opens."""
    above = _nearest(block, blocks, down=False)
    return (
        above is not None
        and len(above.text) >= _FULL
        and _is_prose(above)
        and _gap(above, block) <= _NEAR
        and abs(above.box[0] - block.box[0]) <= 1.5 * _line_height(block)
    )


def _nearest(block: Block, blocks: Sequence[Block], *, down: bool) -> Block | None:
    """The next block below or above that shares a part of the width."""
    middle = _middle(block)
    found = [
        other
        for other in blocks
        if other is not block
        and shared_width(other.box, block.box) > 0
        and (_middle(other) > middle if down else _middle(other) < middle)
        and not _is_beside(other, block)
    ]
    if down:
        return min(found, key=lambda other: other.box[1], default=None)
    return max(found, key=lambda other: other.box[3], default=None)


def _is_beside(other: Block, block: Block) -> bool:
    return shared_height(other.box, block.box) > 0.5 * _line_height(block)


def _gap(upper: Block, lower: Block) -> float:
    """The lines between two blocks."""
    return (lower.box[1] - upper.box[3]) / _line_height(upper)


def _middle(block: Block) -> float:
    return (block.box[1] + block.box[3]) / 2


def _line_height(block: Block) -> float:
    return max((block.box[3] - block.box[1]) / max(len(block.lines), 1), 1.0)


def _is_prose(block: Block) -> bool:
    letters = sum(letter.isalpha() for letter in block.text)
    return letters >= _LETTERS_SHARE * len("".join(block.text.split()))
