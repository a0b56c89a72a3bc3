"""What the XML of a Word file says: texts, tables, and what refers to images, charts and diagrams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmrerank.loaders.table_text import Cell

__all__ = [
    "CHART",
    "DIAGRAM",
    "NEW_CHART",
    "RELATION",
    "W",
    "alt_text",
    "is_within",
    "own_rows",
    "paragraph_text",
    "references",
    "table_rows",
]

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
NEW_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_VML = "{urn:schemas-microsoft-com:vml}imagedata"


def references(nodes: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """What refers to an image, a chart or a diagram, with the id of that relation, each once."""
    attributes = {DIAGRAM: "dm", _BLIP: "embed"}
    seen: set[str] = set()
    for node in nodes:
        for reference in node.iter(_BLIP, _VML, CHART, NEW_CHART, DIAGRAM):
            relation = reference.get(RELATION + attributes.get(reference.tag, "id"))
            # A drawing's fallback in VML shows the same image again.
            if relation and relation not in seen and not _is_fallback_copy(reference):
                seen.add(relation)
                yield reference, relation


def _is_fallback_copy(node: Any) -> bool:
    """Whether a node stands in a fallback whose preferred choice has an image too."""
    for ancestor in node.iterancestors(_FALLBACK):
        if any(True for _ in ancestor.getparent().iter(_BLIP)):
            return True
    return False


def alt_text(node: Any) -> str:
    """The alternative text of an image."""
    for ancestor in node.iterancestors():
        for properties in ancestor.iterfind("{*}docPr"):
            return str(properties.get("descr") or "")
        if ancestor.tag == "{urn:schemas-microsoft-com:vml}shape":
            return str(ancestor.get("alt") or "")
    return ""


def paragraph_text(node: Any) -> str:
    """The text of a paragraph or cell and of the text boxes in it, each once."""
    words: list[str] = []
    for part in node.iter(f"{W}t", _MATH, f"{W}tab", f"{W}br", f"{W}p"):
        if is_within(part, node, _FALLBACK, f"{W}moveFrom"):
            continue
        if part.tag in (f"{W}t", _MATH):
            words.append(part.text or "")
        elif words:
            words.append("\t" if part.tag == f"{W}tab" else "\n")
    return "".join(words).strip()


def is_within(node: Any, root: Any, *tags: str) -> bool:
    """Whether an element with one of these tags stands between the node and `root`."""
    for ancestor in node.iterancestors():
        if ancestor is root:
            return False
        if ancestor.tag in tags:
            return True
    return False


def own_rows(table: Any) -> list[Any]:
    """The rows of a table, also in content controls, without those of tables within it."""
    return [row for row in table.iter(f"{W}tr") if not is_within(row, table, f"{W}tbl")]


@dataclass(slots=True)
class _OpenCell:
    """A cell while rows below may still belong to it."""

    text: str
    columns: int
    rows: int = 1


def table_rows(rows: Sequence[Any]) -> list[list[Cell]]:
    """The cells of rows (`w:tr`), also those in content controls, with what they span."""
    grid: list[list[_OpenCell]] = []
    merging: dict[int, _OpenCell] = {}  # by column
    for row in rows:
        skipped = _number(row, "trPr", "gridBefore", 0)
        cells = [_OpenCell("", 1) for _ in range(skipped)]
        column = skipped
        for node in _own_cells(row):
            cell = _OpenCell(paragraph_text(node), _number(node, "tcPr", "gridSpan", 1))
            merge = next(node.iterfind(f"{W}tcPr/{W}vMerge"), None)
            above = merging.get(column)
            if merge is not None and merge.get(f"{W}val") != "restart" and above is not None:
                above.rows += 1
                above.text = "\n".join(filter(None, [above.text, cell.text]))
            else:
                merging[column] = cell
                cells.append(cell)
            column += cell.columns
        grid.append(cells)
    return [[Cell(cell.text, cell.rows, cell.columns) for cell in cells] for cells in grid]


def _own_cells(row: Any) -> list[Any]:
    return [cell for cell in row.iter(f"{W}tc") if not is_within(cell, row, f"{W}tbl")]


def _number(node: Any, properties: str, name: str, default: int) -> int:
    """A number of columns among the properties of a row or cell; Word has at most 63 columns."""
    for found in node.iterfind(f"{W}{properties}/{W}{name}"):
        digits = str(found.get(f"{W}val"))
        return min(int(digits), 63) if digits.isdecimal() and len(digits) < 9 else default
    return default
