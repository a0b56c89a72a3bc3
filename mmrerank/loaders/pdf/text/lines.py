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
from mmrerank.loaders.pdf.text.cuts import cut_at_captions, cut_at_headings
from mmrerank.loaders.pdf.text.fonts import is_heavy
from mmrerank.loaders.pdf.text.hyphens import HYPHENS, WORD, with_next_line
from mmrerank.loaders.pdf.text.reading_order import in_reading_order, with_sideways
from mmrerank.loaders.pdf.text.side_heads import side_heads
from mmrerank.loaders.pdf.text.titles import is_title
from mmrerank.optional import require

__all__ = [
    "is_panel_caption",
    "is_prose",
    "joined",
    "make_block",
    "read_blocks",
    "read_words",
    "words_of",
]

_FULL_LINE = 0.8  # of the block's width: a line that is so long was wrapped, not ended

_PANEL_CAPTION = re.compile(r"\([a-z]\)\s")

_TITLE_GAP, _TITLE_LINES = 1.5, 6  # of a line's height; a longer block is not a title

_BOLD = 16  # a bit of PyMuPDF's span flags


def read_blocks(page: Any, titles: Collection[str] = ()) -> list[Block]:
    """The text blocks of a PyMuPDF page, in reading order, in the coordinates of the page shown.

    `titles` are those of the outline on this page, as `title_forms` gives them.
    """
    turn = turn_of(page)
    blocks: list[Block] = []
    for raw in page.get_text("dict", flags=_text_flags())["blocks"]:
        lines = [line for part in raw.get("lines", ()) for line in _lines(part, turn, titles)]
        for part in cut_at_captions(lines):
            blocks.extend(make_block(cut) for cut in cut_at_headings(part, titles))
    return _ordered(_with_titles(blocks))


def read_words(page: Any) -> list[list[tuple[Box, str]]]:
    """The words of each line of a PyMuPDF page, with their boxes on the page as it is shown."""
    turn = turn_of(page)
    lines: dict[tuple[int, int], list[tuple[Box, str]]] = {}
    for x0, y0, x1, y1, word, block, line, _ in page.get_text("words", flags=_text_flags()):
        lines.setdefault((block, line), []).append((as_shown((x0, y0, x1, y1), turn), word))
    return list(lines.values())


def _text_flags() -> int:
    """What PyMuPDF does with text.

    Without TEXT_PRESERVE_IMAGES, or every image would be copied; without ligatures, so that
    "figure" is found where the page sets one glyph for "fi".
    """
    pymupdf = require("pymupdf")
    return int(pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_USE_CID_FOR_UNKNOWN_UNICODE)


def _ordered(blocks: Sequence[Block]) -> list[Block]:
    """The blocks in reading order; sideways ones apart, unless the whole page is set sideways."""
    upright = [block for block in blocks if block.upright]
    if _characters(upright) < 0.5 * _characters(blocks):
        return in_reading_order(blocks)
    sideways = [block for block in blocks if not block.upright]
    return with_sideways(_with_side_heads(upright), sideways)


def _characters(blocks: Sequence[Block]) -> int:
    return sum(len(block.text) for block in blocks)


def _with_side_heads(blocks: Sequence[Block]) -> list[Block]:
    """The blocks in reading order, headings in the margin before the text that they open."""
    heads = side_heads(blocks)
    beside = {id(head) for opened in heads.values() for head in opened}
    text = in_reading_order([block for block in blocks if id(block) not in beside])
    return [one for block in text for one in (*heads.get(id(block), ()), block)]


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


def _lines(raw: dict[str, Any], turn: Any, titles: Collection[str]) -> Iterator[Line]:
    """A line as PyMuPDF describes it, on the page as it is shown; nothing for white space only.

    It is two lines where a title of the outline begins it, and the text goes on in other type.
    """
    spans = raw["spans"]
    head = _run_in_head(spans, titles) if titles and len(spans) > 1 else 0
    for part in (spans[:head], spans[head:]):
        text = "".join(span["text"] for span in part).strip()
        if text:
            box = union(*(span["bbox"] for span in part)) if head else raw["bbox"]
            yield _line(text, [span for span in part if span["text"].strip()], box, raw, turn)


def _run_in_head(spans: Sequence[dict[str, Any]], titles: Collection[str]) -> int:
    """How many spans of a line are a title; 0 if none are, or all."""
    text = ""
    for index, span in enumerate(spans[:-1]):
        text += span["text"]
        after = next((other for other in spans[index + 1 :] if other["text"].strip()), None)
        if after is None:
            return 0
        if text.strip() and _is_set_apart(span, after) and is_title(text, titles):
            return index + 1
    return 0


def _is_set_apart(span: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether the next span of a line is in other type, or at a distance."""
    gap = after["bbox"][0] - span["bbox"][2]
    same = after["font"] == span["font"] and after["size"] == span["size"]
    return not same or bool(gap > span["size"])


def _line(
    text: str, spans: Sequence[dict[str, Any]], box: Box, raw: dict[str, Any], turn: Any
) -> Line:
    """A line of these spans, none of them white."""
    direction = raw["dir"]
    if turn is not None:  # PyMuPDF reads text in the coordinates of the page before it is turned
        box = as_shown(box, turn)
        direction = (
            direction[0] * turn.a + direction[1] * turn.c,
            direction[0] * turn.b + direction[1] * turn.d,
        )
    size = max(span["size"] for span in spans)
    bold = all(span["flags"] & _BOLD or is_heavy(span["font"]) for span in spans)
    return Line((box[0], box[1], box[2], box[3]), text, size, upright=direction[0] > 0.9, bold=bold)


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
            text = with_next_line(text, line.text, known, wrapped=wrapped)
    return text


def words_of(lines: Iterable[Line]) -> set[str]:
    """The words of lines in small letters, without those that the end of a line cuts in two."""
    words: set[str] = set()
    is_cut = False
    for line in lines:
        found = WORD.findall(line.text)[1 if is_cut else 0 :]
        is_cut = line.text[-1] in HYPHENS
        words.update(found[:-1] if is_cut else found)
    return {word.lower().replace("\u2010", "-") for word in words}


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
