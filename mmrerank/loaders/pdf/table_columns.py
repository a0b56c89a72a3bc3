"""The columns of a table of a PDF page: their cells, their text, and where their middles may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmrerank.loaders.boxes import Box, union
from mmrerank.loaders.pdf.page import TableCell

__all__ = ["Columns", "middle"]

_FLUSH = 1.5  # points between the edges of lines that are set flush


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: what stands in each, below the row in question."""

    boxes: Sequence[Box]  # of the cells
    texts: Sequence[Box | None]  # of the words in them
    flush_left: Sequence[bool]
    flush_right: Sequence[bool]

    def middles(self, first: int, last: int) -> list[float]:
        """Where the middle of these columns may be: by their cells, and by their text.

        Where all text is flush left, the room up to the next column is theirs too.
        """
        filled = [box for box in self.texts[first : last + 1] if box]
        centre = (self.boxes[first][0] + self.boxes[last][2]) / 2
        if not filled:
            return [centre]
        left, right = min(box[0] for box in filled), max(box[2] for box in filled)
        if first == last:
            return [(left + right) / 2]
        found = [centre, (left + right) / 2]
        if all(self.flush_left[first : last + 1]):
            found.append((left + self._next_edge(last, 1)) / 2)
        if all(self.flush_right[first : last + 1]):
            found.append((self._next_edge(first, -1) + right) / 2)
        return found

    def _next_edge(self, place: int, step: int) -> float:
        """Where the text of the next column (`step` 1) begins, or that of the one before (-1) ends.

        Beyond the last such column it is as far as on its other side.
        """
        edge, flush = (0, self.flush_left) if step == 1 else (2, self.flush_right)
        nearest = self.texts[place] or self.boxes[place]
        after = self.texts[place + step] if 0 <= place + step < len(self.texts) else None
        if after and flush[place + step]:
            return after[edge]
        before = self.texts[place - step] or nearest
        return 2 * nearest[edge] - before[edge]

    @classmethod
    def of(cls, rows: Sequence[Sequence[TableCell]]) -> Columns:
        """The columns of rows, the first of which has a cell in each; others may span columns."""
        names = rows[0]
        plain = [row for row in rows if [cell.columns for cell in row] == [1] * len(names)]
        texts = [
            [line.box for cell in cells for line in cell.lines]
            for cells in zip(*plain, strict=True)
        ]
        return cls(
            [cell.box for cell in names],
            [union(*own) if own else None for own in texts],
            [_is_flush(own, 0) for own in texts],
            [_is_flush(own, 2) for own in texts],
        )


def _is_flush(boxes: Sequence[Box], edge: int) -> bool:
    """Whether lines begin (`edge` 0) or end (2) at the same place; True for less than two."""
    edges = [box[edge] for box in boxes]
    return len(edges) < 2 or max(edges) - min(edges) <= _FLUSH


def middle(box: Box) -> float:
    """Where the middle of a box is, from the left."""
    return (box[0] + box[2]) / 2
