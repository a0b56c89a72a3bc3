"""The text of a PDF page: lines, and blocks of lines that belong together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from mmrerank.loaders.boxes import Box, union
from mmrerank.loaders.captions import find_caption
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.rotation import as_shown, turn_of
from mmrerank.loaders.pdf.text.reading_order import in_reading_order, with_sideways
from mmrerank.optional import require

__all__ = ["is_panel_caption", "is_prose", "joined", "make_block", "read_blocks", "words_of"]

_FULL_LINE = 0.8  # of the block's width: a line that is so long was wrapped, not ended

_PANEL_CAPTION = re.compile(r"\([a-z]\)\s")

_WORD = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)*")

_LAST_WORD = re.compile(r"[^\W_]+(?:[-\u2010][^\W_]+)*[-\u2010]$")

_TITLE_GAP, _TITLE_LINES = 1.5, 6  # of a line's height; a longer block is not a title

_HYPHENS = "-\u00ad\u2010"

_BOLD = 16  # a bit of PyMuPDF's span flags


def read_blocks(page: Any) -> list[Block]:
    """The text blocks of a PyMuPDF page, in reading order, in the coordinates of the page shown."""
    pymupdf = require("pymupdf")
    # Without TEXT_PRESERVE_IMAGES, or every image would be copied; without ligatures, so that
    # "figure" is found where the page sets one glyph for "fi".
    flags = pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_USE_CID_FOR_UNKNOWN_UNICODE
    turn = turn_of(page)
    blocks: list[Block] = []
    for raw in page.get_text("dict", flags=flags)["blocks"]:
        lines = [line for part in raw.get("lines", ()) if (line := _line(part, turn))]
        blocks.extend(make_block(part) for part in _cut_at_captions(lines))
    return _ordered(_with_titles(blocks))


def _ordered(blocks: Sequence[Block]) -> list[Block]:
    """The blocks in reading order; sideways ones apart, unless the whole page is set sideways."""
    upright = [block for block in blocks if block.upright]
    if sum(len(block.text) for block in upright) < 0.5 * sum(len(block.text) for block in blocks):
        return in_reading_order(blocks)
    return with_sideways(
        in_reading_order(upright), [block for block in blocks if not block.upright]
    )


def _with_titles(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, captions that are only a number ("Figure 1") joined with the title below them."""
    titles = {id(block): title for block in blocks if (title := _title_below(block, blocks))}
    taken = {id(title) for title in titles.values()}
    return [
        make_block([*block.lines, *titles[id(block)].lines]) if id(block) in titles else block
        for block in blocks
        if id(block) not in taken
    ]


def _title_below(caption: Block, blocks: Sequence[Block]) -> Block | None:
    """The title below a caption that is only a number; None for any other block."""
    if caption.caption is None or caption.caption.title < len(caption.text):
        return None
    below = [block for block in blocks if _is_title_of(caption, block)]
    return min(below, key=lambda block: block.box[1], default=None)


def _is_title_of(caption: Block, block: Block) -> bool:
    """True for a short block right below a caption, with the same left edge."""
    height = caption.box[3] - caption.box[1]
    gap = block.box[1] - caption.box[3]
    return (
        -0.2 * height < gap < _TITLE_GAP * height
        and abs(block.box[0] - caption.box[0]) < height
        and block.caption is None
        and len(block.lines) <= _TITLE_LINES
        and all(line.upright for line in block.lines)
    )


def _line(raw: dict[str, Any], turn: Any) -> Line | None:
    """A line as PyMuPDF describes it, on the page as it is shown; None for white space only."""
    text = "".join(span["text"] for span in raw["spans"])
    if not text.strip():
        return None
    box, direction = raw["bbox"], raw["dir"]
    if turn is not None:  # PyMuPDF reads text in the coordinates of the page before it is turned
        box = as_shown(box, turn)
        direction = (
            direction[0] * turn.a + direction[1] * turn.c,
            direction[0] * turn.b + direction[1] * turn.d,
        )
    spans = [span for span in raw["spans"] if span["text"].strip()]
    size = max(span["size"] for span in spans)
    bold = all(span["flags"] & _BOLD or "bold" in span["font"].lower() for span in spans)
    return Line(tuple(box), text.strip(), size, upright=direction[0] > 0.9, bold=bold)


def _cut_at_captions(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines of one block of PyMuPDF, cut where a caption begins.

    PyMuPDF reads captions side by side, or a caption and the label above it, as one block. A line
    after a caption belongs to it only if it is not beside it.
    """
    starts = [index for index, line in enumerate(lines) if _begins_caption(lines, index)]
    parts: list[list[Line]] = [[] for _ in range(len(starts) + 1)]
    for index, line in enumerate(lines):
        reached = sum(start <= index for start in starts)
        under = [
            number
            for number in range(reached, 0, -1)
            if _share_width(lines[starts[number - 1]].box, line.box)
        ]
        parts[under[0] if under else reached].append(line)
    yield from (part for part in parts if part)


def _begins_caption(lines: Sequence[Line], index: int) -> bool:
    """True if a line of a block begins a caption, and not just a line of prose."""
    caption = find_caption(lines[index].text)
    if caption is None or index == 0:
        return caption is not None
    before = lines[index - 1]
    beside = before.box[3] - lines[index].box[1] > 0.5 * (before.box[3] - before.box[1])
    wrapped = before.box[2] >= max(line.box[2] for line in lines) - 0.1 * (
        before.box[2] - before.box[0]
    )
    if beside and find_caption(lines[0].text):  # two captions in one row
        return True
    # Prose wraps before "Figure 3." too; a caption follows a line that has ended.
    return caption.sure and (beside or not wrapped or before.text[-1] in ".:;!?)")


def _share_width(first: Box, second: Box) -> bool:
    """True if one box is above the other, at least in part."""
    return min(first[2], second[2]) > max(first[0], second[0])


def make_block(lines: Sequence[Line], known: Collection[str] = ()) -> Block:
    """A block of these lines, at least one; `known` as in `joined`."""
    text = joined(lines, known)
    return Block(union(*(line.box for line in lines)), text, tuple(lines), find_caption(text))


def joined(lines: Sequence[Line], known: Collection[str] = ()) -> str:
    """The lines as text: wrapped lines are joined, hyphenated words made whole, other breaks kept.

    `known` are words of the document in small letters: they tell whether the hyphen of
    "self-" / "locking" belongs to the word.
    """
    left = min(line.box[0] for line in lines)
    width = max(line.box[2] for line in lines) - left
    text = lines[0].text
    for before, line in pairwise(lines):
        if _overlap_in_height(before.box, line.box) > 0.5 and line.box[0] >= before.box[2]:
            text += " " + line.text  # in the same row
        else:
            wrapped = before.box[2] - left >= _FULL_LINE * width
            text = _with_next_line(text, line.text, known, wrapped=wrapped)
    return text


def _with_next_line(text: str, following: str, known: Collection[str], *, wrapped: bool) -> str:
    """The text so far and a line below it; `wrapped` if the text fills its last line."""
    hyphenated = len(text) > 1 and text[-1] in _HYPHENS and text[-2].isalpha()
    if hyphenated and following[0].islower():
        return _whole_word(text, following, known)
    if hyphenated and wrapped:  # "Anglo-" "American": the hyphen belongs to the word
        return text + following
    return text + (" " if wrapped else "\n") + following


def _whole_word(text: str, following: str, known: Collection[str]) -> str:
    """Two parts of a word joined, with the hyphen if the document writes the word with it."""
    start, end = _LAST_WORD.search(text), _WORD.match(following)
    if text[-1] != "\u00ad" and start and end:
        first, second = start[0][:-1].lower(), end[0].lower()
        if f"{first}-{second}" in known and first + second not in known:
            return text + following
    return text[:-1] + following


def words_of(lines: Iterable[Line]) -> set[str]:
    """The words of lines in small letters; a hyphen at the end of a line is left out."""
    return {
        word.lower().replace("\u2010", "-")
        for line in lines
        for word in _WORD.findall(line.text.rstrip(_HYPHENS))
    }


def _overlap_in_height(first: Box, second: Box) -> float:
    """The share (0 to 1) of the lower box's height that is beside the other."""
    shared = min(first[3], second[3]) - max(first[1], second[1])
    return max(shared, 0.0) / max(min(first[3] - first[1], second[3] - second[1]), 0.1)


def is_panel_caption(text: str) -> bool:
    """True for "(a) ..." under one panel of a figure."""
    return _PANEL_CAPTION.match(text) is not None


def is_prose(block: Block, body_size: float) -> bool:
    """True for long lines in the size of body text: not a label, a heading or a caption."""
    if block.caption or not block.is_of_size(body_size):
        return False
    if is_panel_caption(block.text) or not all(line.upright for line in block.lines):
        return False
    return len(block.text) >= (30 if len(block.lines) == 1 else 20 * len(block.lines))
