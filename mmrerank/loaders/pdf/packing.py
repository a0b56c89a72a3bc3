"""From the blocks of a page to chunks: packed by structure, cut at the ends of sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmrerank.loaders.boxes import Box, part_inside, union
from mmrerank.loaders.pdf.page import BLOCK_SEPARATOR, Block, PageChunk, Piece
from mmrerank.loaders.splitting import Sizes, cut_once, cut_text
from mmrerank.loaders.table_text import table_pieces

__all__ = ["collect_labels", "pack"]

_INSIDE = 0.8  # of a block's area: it is part of a figure

_SMALLEST = 8  # a heading ends a chunk only if it has more than 1/8 of the size limit


def collect_labels(blocks: Sequence[Block], figures: Sequence[Box]) -> list[Block]:
    """The blocks of a page, with the labels inside each figure joined in place of the first.

    `figures` are the boxes of the page's figures. Axis numbers and the like become one block with
    `in_figure` set, not a paragraph each.
    """
    collected: list[Block] = []
    places: dict[int, int] = {}
    for block in blocks:
        inside = (i for i, box in enumerate(figures) if part_inside(block.box, box) > _INSIDE)
        figure = next(inside, None) if block.caption is None else None
        if figure is None:
            collected.append(block)
        elif figure not in places:
            places[figure] = len(collected)
            collected.append(Block(block.box, block.text, block.lines, in_figure=True))
        else:
            first = collected[places[figure]]
            collected[places[figure]] = Block(
                union(first.box, block.box),
                f"{first.text} {block.text}",
                first.lines + block.lines,
                in_figure=True,
            )
    return collected


def pack(
    blocks: Sequence[Block], sizes: Sizes, is_heading: Callable[[Block], bool]
) -> list[PageChunk]:
    """Pack blocks into chunks within the size limit, in their order.

    A block is cut only where it does not fit into a chunk, a table between its rows; a heading opens
    a chunk. No text is left out.
    """
    packer = _Packer(sizes)
    for block in blocks:
        heading = is_heading(block)
        has_text = any(not is_heading(piece.block) for piece in packer.pieces)
        opens = heading and packer.is_worth_a_chunk
        if has_text and (opens or not packer.has_room_for(block.text)):
            packer.close()
        if block.rows:
            packer.add_table(block)
        else:
            packer.add(block)
    packer.close()
    return packer.chunks


class _Packer:
    """The chunk that is being filled, and those that are complete."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self.pieces: list[Piece] = []
        self.chunks: list[PageChunk] = []

    def close(self) -> None:
        if self.pieces:
            self.chunks.append(PageChunk(tuple(self.pieces)))
            self.pieces = []

    def _before(self) -> str:
        return "".join(piece.text + BLOCK_SEPARATOR for piece in self.pieces)

    @property
    def is_worth_a_chunk(self) -> bool:
        """False for a chunk with too little text to be of use on its own."""
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
            head, rest = cut_once(rest, max(room, 1))
            self.pieces.append(Piece(head, block, first))
            first = False
            if rest:
                self.close()

    def add_table(self, block: Block) -> None:
        """Add a table in pieces that each begin with its first row, if that is not long."""
        used = self._sizes.measure(self._before())
        if used > self._sizes.limit // 4 and not self.has_room_for(block.text):
            self.close()
            used = 0
        room = Sizes(max(self._sizes.limit - used, 1), self._sizes.measure)
        first = True
        for table in table_pieces(block.rows, room):
            for piece in cut_text(table, room):  # one row may be larger than a chunk
                if not first:
                    self.close()
                self.pieces.append(Piece(piece, block, first))
                first = False
