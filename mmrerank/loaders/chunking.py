"""From the text of a page to chunks: blocks in reading order, lines joined, nothing dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from mmrerank.loaders.base import Box, need, part_inside, union
from mmrerank.loaders.captions import Caption, find_caption

__all__ = [
    "Block",
    "Line",
    "PageChunk",
    "Piece",
    "chunk_page",
    "gather",
    "in_reading_order",
    "is_panel_caption",
    "is_prose",
    "read_blocks",
    "text_columns",
]

_GUTTER = 5.0  # points of white between two columns, at the least
_COLUMN_SHARE = 0.2  # of the width of what is cut: narrower things are cells, not columns
_INSIDE = 0.8  # of a block's area: it is part of a figure
_FULL_LINE = 0.8  # of the block's width: a line that goes so far was wrapped, not ended
_HEADING_SIZE = 1.15  # times the size of most text of the page
_BETWEEN_BLOCKS = "\n\n"
_PANEL_CAPTION = re.compile(r"\([a-z]\)\s")
_SENTENCE_END = re.compile(
    r"[.!?。\uff01\uff1f][\"')\]”\u2019»]*\s+(?=[^\Wa-zß-öø-ÿ\d_])|[。\uff01\uff1f]"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. `size` is its font size in points; `upright` is False for turned text."""

    box: Box
    text: str
    size: float
    upright: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, their text joined; `caption` if they begin with a caption."""

    box: Box
    text: str
    lines: tuple[Line, ...]
    caption: Caption | None = None

    @property
    def size(self) -> float:
        """The font size of most of its characters, in points."""
        return _most_common_size(self.lines)


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a block that stands in a chunk. `first`: the block begins here."""

    text: str
    block: Block
    first: bool


@dataclass(frozen=True, slots=True)
class PageChunk:
    """A chunk of one page before its figures are known."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text of its pieces, with an empty line between blocks."""
        return _BETWEEN_BLOCKS.join(piece.text for piece in self.pieces)


def read_blocks(page: Any) -> list[Block]:
    """The text blocks of a PyMuPDF page, in reading order, in the coordinates of the page shown."""
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    # Without TEXT_PRESERVE_IMAGES, or every image would be copied; without ligatures, so that
    # "figure" is found where the page sets one glyph for "fi".
    flags = pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_USE_CID_FOR_UNKNOWN_UNICODE
    turn = page.rotation_matrix if page.rotation else None
    blocks: list[Block] = []
    for raw in page.get_text("dict", flags=flags)["blocks"]:
        lines = [line for found in raw.get("lines", ()) if (line := _line(found, turn))]
        blocks.extend(_block(part) for part in _apart(lines))
    return in_reading_order(blocks)


def _line(raw: dict[str, Any], turn: Any) -> Line | None:
    text = "".join(span["text"] for span in raw["spans"])
    if not text.strip():
        return None
    box, direction = raw["bbox"], raw["dir"]
    if turn is not None:  # PyMuPDF gives text in the coordinates of the page before it is turned
        box = tuple(need("pymupdf", extra="pdf", purpose="loading a PDF").Rect(box) * turn)
        direction = (
            direction[0] * turn.a + direction[1] * turn.c,
            direction[0] * turn.b + direction[1] * turn.d,
        )
    size = max(span["size"] for span in raw["spans"] if span["text"].strip())
    return Line(tuple(box), text.strip(), size, upright=direction[0] > 0.9)


def _apart(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines of one block as read, cut where a caption begins.

    PyMuPDF takes captions that stand side by side, or a caption and the label above it, as one
    block. What follows a caption belongs to it only where it is not beside it.
    """
    starts = [index for index, line in enumerate(lines) if _begins_caption(lines, index)]
    parts: list[list[Line]] = [[] for _ in range(len(starts) + 1)]
    for index, line in enumerate(lines):
        reached = sum(start <= index for start in starts)
        under = [
            number
            for number in range(reached, 0, -1)
            if _side_by_side(lines[starts[number - 1]].box, line.box)
        ]
        parts[under[0] if under else reached].append(line)
    yield from (part for part in parts if part)


def _begins_caption(lines: Sequence[Line], index: int) -> bool:
    caption = find_caption(lines[index].text)
    if caption is None or index == 0:
        return caption is not None
    before = lines[index - 1]
    beside = before.box[3] - lines[index].box[1] > 0.5 * (before.box[3] - before.box[1])
    wrapped = before.box[2] >= max(line.box[2] for line in lines) - 0.1 * (
        before.box[2] - before.box[0]
    )
    # Prose wraps before "Figure 3." too; a caption follows a line that has ended.
    return caption.sure and (beside or not wrapped or before.text[-1] in ".:;!?)")


def _side_by_side(first: Box, second: Box) -> bool:
    """True where the two share some of their width."""
    return min(first[2], second[2]) > max(first[0], second[0])


def _block(lines: list[Line]) -> Block:
    text = _joined(lines)
    return Block(union(*(line.box for line in lines)), text, tuple(lines), find_caption(text))


def _joined(lines: Sequence[Line]) -> str:
    """The lines as text: wrapped lines become one, hyphenated words whole, other ends stay."""
    right = max(line.box[2] for line in lines)
    left = min(line.box[0] for line in lines)
    text = lines[0].text
    for before, line in pairwise(lines):
        same_row = _overlap_in_height(before.box, line.box) > 0.5 and line.box[0] >= before.box[2]
        wrapped = before.box[2] - left >= _FULL_LINE * (right - left)
        hyphened = len(text) > 1 and text[-1] in "-\u00ad\u2010" and text[-2].isalpha()
        if same_row:
            text += " " + line.text
        elif hyphened and line.text[0].islower():
            text = text[:-1] + line.text
        elif hyphened and wrapped:  # "Anglo-" "American": the hyphen is the word's own
            text += line.text
        else:
            text += (" " if wrapped else "\n") + line.text
    return text


def _overlap_in_height(first: Box, second: Box) -> float:
    """The part of the lower of two boxes' heights that they share, 0 to 1."""
    shared = min(first[3], second[3]) - max(first[1], second[1])
    return max(shared, 0.0) / max(min(first[3] - first[1], second[3] - second[1]), 0.1)


def in_reading_order(blocks: Sequence[Block]) -> list[Block]:
    """Columns from left to right, in each from top to bottom; what spans columns cuts them."""
    if len(blocks) < 2:
        return list(blocks)
    columns = _columns(blocks)
    if len(columns) > 1:
        return [block for column in columns for block in in_reading_order(column)]
    strips = _strips(blocks)
    if len(strips) == 1:
        return sorted(blocks, key=lambda block: (block.box[1], block.box[0]))
    return [block for strip in strips for block in in_reading_order(strip)]


def _columns(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks on either side of the first gutter that runs through them all; one list if none.

    Both sides must be wide, or the cells of a table would be read column by column.
    """
    ordered = sorted(blocks, key=lambda block: block.box[0])
    left, right = ordered[0].box[0], max(block.box[2] for block in ordered)
    reach = ordered[0].box[2]
    for index, block in enumerate(ordered[1:], start=1):
        least = _COLUMN_SHARE * (right - left)
        wide = reach - left >= least and right - block.box[0] >= least
        if block.box[0] - reach >= _GUTTER and wide:
            return [ordered[:index], ordered[index:]]
        reach = max(reach, block.box[2])
    return [ordered]


def _strips(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks cut at every height where there is white, save those that form columns together."""
    ordered = sorted(blocks, key=lambda block: block.box[1])
    cut: list[list[Block]] = [[ordered[0]]]
    reach = ordered[0].box[3]
    for block in ordered[1:]:
        if block.box[1] >= reach - 1.0:  # boxes of lines touch by a hair
            cut.append([])
        cut[-1].append(block)
        reach = max(reach, block.box[3])
    strips = [cut[0]]
    for strip in cut[1:]:
        if len(_columns(strips[-1] + strip)) > 1:
            strips[-1] = strips[-1] + strip
        else:
            strips.append(strip)
    return strips


def is_panel_caption(text: str) -> bool:
    """True for "(a) ..." under one panel of a figure."""
    return _PANEL_CAPTION.match(text) is not None


def is_prose(block: Block, body_size: float) -> bool:
    """True for long lines in the size of the body text: no label, no heading, no caption."""
    if block.caption or abs(block.size - body_size) > 0.12 * body_size:
        return False
    if is_panel_caption(block.text) or not all(line.upright for line in block.lines):
        return False
    return len(block.text) >= (30 if len(block.lines) == 1 else 20 * len(block.lines))


def text_columns(lines: Iterable[Box], page_width: float) -> list[tuple[float, float]]:
    """The columns of a page as (x0, x1), from its lines of body text; the page if it has none.

    A gutter is what fewer than a sixth as many lines cross as cross the fullest place.
    """
    width = int(page_width) + 2
    change = [0] * (width + 1)
    boxes = list(lines)
    for box in boxes:
        change[min(max(int(box[0]), 0), width)] += 1
        change[min(max(int(box[2]) + 1, 0), width)] -= 1
    depths = [0, *accumulate(change)]
    least = max(max(depths) / 6, 1)
    edges = [x for x, (a, b) in enumerate(pairwise(depths)) if (a >= least) != (b >= least)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    columns = [(float(x0), float(x1)) for x0, x1 in spans if x1 - x0 > 0.15 * page_width]
    if not columns:
        return [(0.0, page_width)]
    # Only gutters are cut out: few lines may reach the outer edges of a page set ragged.
    columns[0] = (min(box[0] for box in boxes), columns[0][1])
    columns[-1] = (columns[-1][0], max(box[2] for box in boxes))
    return columns


def gather(blocks: Sequence[Block], figures: Sequence[Box]) -> list[Block]:
    """The blocks with the labels inside each figure put together where the first of them stands.

    Axis numbers and the like are kept as one line, not as a paragraph each.
    """
    gathered: list[Block] = []
    places: dict[int, int] = {}
    for block in blocks:
        inside = (i for i, box in enumerate(figures) if part_inside(block.box, box) > _INSIDE)
        figure = next(inside, None) if block.caption is None else None
        if figure is None:
            gathered.append(block)
        elif figure not in places:
            places[figure] = len(gathered)
            gathered.append(block)
        else:
            first = gathered[places[figure]]
            gathered[places[figure]] = Block(
                union(first.box, block.box),
                f"{first.text} {block.text}",
                first.lines + block.lines,
            )
    return gathered


def chunk_page(blocks: Sequence[Block], chunk_size: int) -> list[PageChunk]:
    """Pack blocks into chunks of at most `chunk_size` characters, in their order.

    A block is cut only where it does not fit a chunk; a heading opens a chunk. All text is kept.
    """
    body = _most_common_size([line for block in blocks for line in block.lines])
    chunks: list[PageChunk] = []
    open_pieces: list[Piece] = []

    def close() -> None:
        if open_pieces:
            chunks.append(PageChunk(tuple(open_pieces)))
            open_pieces.clear()

    for block in blocks:
        only_headings = all(_is_heading(piece.block, body) for piece in open_pieces)
        too_long = len(block.text) > _room(open_pieces, chunk_size)
        if not only_headings and (too_long or _is_heading(block, body)):
            close()
        rest, first = block.text, True
        while rest:
            if open_pieces and _room(open_pieces, chunk_size) < min(len(rest), chunk_size // 4):
                close()
            head, rest = _cut(rest, max(_room(open_pieces, chunk_size), 1))
            open_pieces.append(Piece(head, block, first))
            first = False
            if rest:
                close()
    close()
    return chunks


def _room(pieces: Iterable[Piece], chunk_size: int) -> int:
    """How many characters one more piece may have."""
    return chunk_size - sum(len(piece.text) + len(_BETWEEN_BLOCKS) for piece in pieces)


def _is_heading(block: Block, body_size: float) -> bool:
    return len(block.lines) <= 3 and block.size >= _HEADING_SIZE * body_size


def _cut(text: str, size: int) -> tuple[str, str]:
    """The longest beginning of at most `size` characters that ends well, and the rest."""
    if len(text) <= size:
        return text, ""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, size + 1)]
    line, space = text.rfind("\n", 0, size + 1), text.rfind(" ", 0, size + 1)
    good = [end for end in (*ends[-1:], line) if end >= size // 2]
    at = max(good, default=0) or (space if space > 0 else size)
    at = min(at, size)
    return text[:at].rstrip() or text[:at], text[at:].lstrip()


def _most_common_size(lines: Iterable[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0
