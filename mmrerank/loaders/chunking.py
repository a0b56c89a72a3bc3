"""From the blocks of a page to chunks: packed by structure, cut where sentences end."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmrerank.loaders.boxes import Box, part_inside, union
from mmrerank.loaders.text import Block

__all__ = ["PageChunk", "Piece", "Sizes", "chunk_page", "cut_text", "gather"]

_INSIDE = 0.8  # of a block's area: it is part of a figure
_BETWEEN_BLOCKS = "\n\n"
_SMALLEST = 8  # part of the size: a heading does not cut off less text than that
_SENTENCE_END = re.compile(
    r"[.!?。\uff01\uff1f][\"')\]”\u2019»]*\s+(?=[^\Wa-zß-öø-ÿ\d_])|[。\uff01\uff1f]"
)


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


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a chunk may be: `limit` characters, or whatever `measure` counts (tokens)."""

    limit: int
    measure: Callable[[str], int] = len

    def fits(self, text: str) -> bool:
        """Whether a text is no larger than the limit."""
        return self.measure(text) <= self.limit

    def longest(self, before: str, text: str) -> int:
        """How many characters of `text` still fit a chunk that holds `before`; by bisection."""
        if self.fits(before + text):
            return len(text)
        low, high = 0, min(len(text), self.limit * 40)  # no token is longer than that
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.fits(before + text[:middle]) else (low, middle - 1)
        return low


def cut_text(text: str, sizes: Sizes) -> list[str]:
    """A text in pieces within their size, each ending well."""
    pieces: list[str] = []
    while text:
        piece, text = _cut(text, max(sizes.longest("", text), 1))
        pieces.append(piece)
    return pieces


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
            gathered.append(Block(block.box, block.text, block.lines, in_figure=True))
        else:
            first = gathered[places[figure]]
            gathered[places[figure]] = Block(
                union(first.box, block.box),
                f"{first.text} {block.text}",
                first.lines + block.lines,
                in_figure=True,
            )
    return gathered


def chunk_page(
    blocks: Sequence[Block], sizes: Sizes, is_heading: Callable[[Block], bool]
) -> list[PageChunk]:
    """Pack blocks into chunks within their size, in their order.

    A block is cut only where it does not fit a chunk; a heading opens a chunk. All text is kept.
    """
    packer = _Packer(sizes)
    for block in blocks:
        heading = is_heading(block)
        has_text = any(not is_heading(piece.block) for piece in packer.pieces)
        opens = heading and packer.is_worth_a_chunk
        if has_text and (opens or not packer.has_room_for(block.text)):
            packer.close()
        packer.add(block)
    packer.close()
    return packer.chunks


class _Packer:
    """The chunk that is being filled, and those that are done."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self.pieces: list[Piece] = []
        self.chunks: list[PageChunk] = []

    def close(self) -> None:
        if self.pieces:
            self.chunks.append(PageChunk(tuple(self.pieces)))
            self.pieces = []

    def _before(self) -> str:
        return "".join(piece.text + _BETWEEN_BLOCKS for piece in self.pieces)

    @property
    def is_worth_a_chunk(self) -> bool:
        """False for so little text that a chunk of its own would say nothing."""
        return self._sizes.measure(self._before()) > self._sizes.limit // _SMALLEST

    def has_room_for(self, text: str) -> bool:
        return self._sizes.fits(self._before() + text)

    def add(self, block: Block) -> None:
        rest, first = block.text, True
        while rest:
            room = self._sizes.longest(self._before(), rest)
            if self.pieces and room < min(len(rest), self._sizes.limit // 4):
                self.close()
                room = self._sizes.longest("", rest)
            head, rest = _cut(rest, max(room, 1))
            self.pieces.append(Piece(head, block, first))
            first = False
            if rest:
                self.close()


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
