"""Tables as text, the same for all formats: Markdown, or HTML where cells span rows or columns."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from mmrerank.loaders.splitting import Sizes

__all__ = ["Cell", "Row", "table_pieces", "table_text"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with its text; it spans `rows` and `columns`, of which each is at least 1."""

    text: str
    rows: int = 1
    columns: int = 1

    @property
    def spans(self) -> bool:
        """Whether it covers more than one place in the grid."""
        return self.rows > 1 or self.columns > 1


Row = Sequence[str | Cell]
"""The cells of a row from left to right; a string is a `Cell` that spans nothing.

Places that a cell of this row or of one above covers are not listed, as in HTML.
"""


def table_text(rows: Sequence[Row]) -> str:
    """The table as Markdown, its first row as the header; as HTML if a cell spans others.

    Line breaks within cells become spaces in Markdown and `<br>` in HTML. Empty rows are left
    out; "" without any text. A table of one cell is only its text, since it has no grid to show.
    """
    return "\n\n".join(table_pieces(rows))


def table_pieces(rows: Sequence[Row], sizes: Sizes | None = None) -> Iterator[str]:
    """The text of a table in pieces that fit `sizes`, cut between rows, each with the first row.

    The first row is not repeated where it would take more than half of a piece. Rows that a cell
    joins are not cut apart. A row that does not fit a piece is a piece of its own, too large.
    Without `sizes` there is one piece, or none for a table without text.
    """
    grid = [list(map(_cell, row)) for row in rows]
    filled = [row for row in grid if any(cell.text for cell in row)]
    if not filled:
        return
    if len(filled) == 1 and len(filled[0]) == 1:
        yield filled[0][0].text
    elif any(cell.spans for cell in chain.from_iterable(grid)):
        yield from _pieces(_HTML, list(_joined_rows(grid)), sizes)
    else:
        yield from _pieces(_MARKDOWN, [[row] for row in _padded(filled)], sizes)


def _padded(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    width = max(map(len, rows))
    return [[*row, *[Cell("")] * (width - len(row))] for row in rows]


def _cell(cell: str | Cell) -> Cell:
    text, rows, columns = (
        (cell, 1, 1) if isinstance(cell, str) else (cell.text, cell.rows, cell.columns)
    )
    return Cell(
        "\n".join(" ".join(line.split()) for line in text.strip().splitlines()), rows, columns
    )


def _joined_rows(grid: Sequence[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
    """Groups of rows that no cell joins to the rows after them."""
    group: list[Sequence[Cell]] = []
    open_rows = 0
    for row in grid:
        open_rows = max([open_rows - 1, *(cell.rows - 1 for cell in row)])
        group.append(row)
        if open_rows <= 0:
            yield group
            group, open_rows = [], 0
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Markdown:
    before: str = ""
    after: str = ""

    def header(self, rows: Sequence[Sequence[Cell]]) -> str:
        rule = "| " + " | ".join("---" for _ in rows[0]) + " |"
        return f"{self.body(rows)}\n{rule}"

    def body(self, rows: Sequence[Sequence[Cell]]) -> str:
        return "\n".join(
            "| " + " | ".join(_markdown_text(cell.text) for cell in row) + " |" for row in rows
        )


@dataclass(frozen=True, slots=True)
class _Html:
    before: str = "<table>\n"
    after: str = "\n</table>"

    def header(self, rows: Sequence[Sequence[Cell]]) -> str:
        return _html_rows(rows, "th")

    def body(self, rows: Sequence[Sequence[Cell]]) -> str:
        return _html_rows(rows, "td")


_MARKDOWN, _HTML = _Markdown(), _Html()


def _markdown_text(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _html_rows(rows: Sequence[Sequence[Cell]], tag: str) -> str:
    return "\n".join(f"<tr>{''.join(_html_cell(cell, tag) for cell in row)}</tr>" for row in rows)


def _html_cell(cell: Cell, tag: str) -> str:
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    text = html.escape(cell.text, quote=False).replace("\n", "<br>")
    return f"<{tag}{rows}{columns}>{text}</{tag}>"


def _pieces(
    form: _Markdown | _Html, groups: Sequence[list[Sequence[Cell]]], sizes: Sizes | None
) -> Iterator[str]:
    header, bodies = form.header(groups[0]), [form.body(group) for group in groups[1:]]
    if sizes is None:
        yield form.before + "\n".join([header, *bodies]) + form.after
        return
    repeated = header if sizes.measure(header) <= sizes.limit // 2 else ""
    parts = [header]
    for body in bodies:
        whole = form.before + "\n".join([*parts, body]) + form.after
        if parts != [repeated] and not sizes.fits(whole):
            yield form.before + "\n".join(parts) + form.after
            parts = [repeated] if repeated else []
        parts.append(body)
    yield form.before + "\n".join(parts) + form.after
