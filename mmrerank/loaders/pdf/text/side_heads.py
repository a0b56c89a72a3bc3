"""Headings in the margin, beside the text that they open."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.loaders.pdf.page import Block

__all__ = ["side_heads"]

_MAX_LINES, _MAX_CHARACTERS = 4, 80  # of a heading in the margin

_SAME_TOP = 0.8  # of a line's height, up or down

_MIN_TEXT = 1.5  # times the width of the heading: the text beside it

_MIN_CHARACTERS = 40  # of the text beside it: labels of a drawing are shorter

_CLEAR = 1.5  # of a line's height without text below a heading in the margin


def side_heads(blocks: Sequence[Block]) -> dict[int, list[Block]]:
    """The headings in the margin, by the identity of the block that each opens.

    Heavy type to the left of a wider block that begins at the same height or one line below, with
    nothing below the type itself: a heading in a column of text has its text there.
    """
    found: dict[int, list[Block]] = {}
    heads = [block for block in blocks if _may_be_head(block)]
    texts = [block for block in blocks if not all(line.bold for line in block.lines)]
    for head in sorted(heads, key=lambda block: block.box[1]):
        height = head.lines[0].box[3] - head.lines[0].box[1]
        if any(_is_below(block, head, height) for block in texts):
            continue
        beside = [block for block in texts if _is_opened_by(block, head, height)]
        if beside:
            text = min(beside, key=lambda block: (block.box[1], block.box[0]))
            found.setdefault(id(text), []).append(head)
    return found


def _may_be_head(block: Block) -> bool:
    return (
        all(line.bold for line in block.lines)
        and len(block.lines) <= _MAX_LINES
        and len(block.text) <= _MAX_CHARACTERS
        and block.caption is None
        and any(letter.isalpha() for letter in block.text)
    )


def _is_below(block: Block, head: Block, height: float) -> bool:
    """Whether a block begins right below a heading."""
    gap = block.box[1] - head.box[3]
    side_by_side = block.box[0] >= head.box[2] or block.box[2] <= head.box[0]
    return not side_by_side and -0.5 * height < gap < _CLEAR * height


def _is_opened_by(block: Block, head: Block, height: float) -> bool:
    """Whether a block begins beside a heading or a line below, to the right of it."""
    top = block.lines[0].box[1]
    return (
        block.box[0] >= head.box[2]
        and len(block.text) >= _MIN_CHARACTERS
        and block.size <= head.size
        and head.box[1] - _SAME_TOP * height < top < head.box[3] + _CLEAR * height
        and block.box[2] - block.box[0] > _MIN_TEXT * (head.box[2] - head.box[0])
    )
