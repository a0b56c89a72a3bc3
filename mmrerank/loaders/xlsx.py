"""Excel files: the tables of each sheet, charts as numbers, images, comments, headers, footers."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby
from typing import Any

from mmrerank.errors import DocumentError
from mmrerank.loaders.charts import chart_text, parse_xml, xml_texts
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.office import check_archive, picture
from mmrerank.loaders.office_archive import readable_archive
from mmrerank.optional import require

__all__ = ["XLSXLoader"]

_MAX_CELLS = 1_000_000  # of a file, with the empty ones between others
_BLOCK = 2**20
# What a header says besides text: fonts, colours, sizes, and the places of page numbers and the like.
_CODES = re.compile(r'&(?:"[^"]*"|K(?:[0-9A-Fa-f]{6}|\d\d[+-]\d{3})|\d+|[A-Za-z])')
_HEADERS = re.compile(rb"<(?:\w+:)?headerFooter\b.*?</(?:\w+:)?headerFooter>", re.DOTALL)
_LONGEST_HEADERS = 2**16  # bytes: six of 255 characters, and what follows them in a sheet
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"

Line = list[str]
"""The texts of the cells of a row; "" for an empty cell."""


class XLSXLoader(ElementLoader):
    """Loads an XLSX file: a sheet is a section, and rows without an empty one between are a table.

    Values are those that Excel last saved; a formula without one is read as a formula, with a
    `RerankWarning`. Native charts become tables and are named under `not_rendered`. Of a file with
    more than a million cells the rest is left out, with a warning. Keywords are those of
    `LoaderOptions`.
    """

    def elements(self) -> Iterator[Element]:
        """The parts of all sheets, sheet by sheet."""
        check_archive(self.path)
        file = readable_archive(str(self.origin), self.path)
        load = require("openpyxl").load_workbook
        self._cells_left, self._without_value = _MAX_CELLS, 0
        with (
            zipfile.ZipFile(file) as archive,
            closing(load(file, read_only=True, data_only=True, keep_links=False)) as values,
            closing(load(file, read_only=True, keep_links=False)) as formulas,
        ):
            if not values.sheetnames:
                raise DocumentError(self.path, "has no sheets that can be read")
            for name, path, kind in _sheets(archive):
                found: list[Element] = []
                if kind == "worksheet" and name in values.sheetnames:
                    has_formulas = _has_formulas(archive, path)
                    lines = self._lines(values[name], formulas[name] if has_formulas else None)
                    found += self._tables(lines)
                found += self._attached(archive, name, path)
                found += map(Element, _headers(archive, path))
                if found:
                    yield Element(name, level=1)
                yield from found
        if self._without_value:
            count = self._without_value
            self.warn(f"{count} formulas have no saved value, and are read as formulas")

    def _lines(self, values: Any, formulas: Any) -> Iterator[Line]:
        """The rows of a sheet as texts, without empty cells at the end, as long as cells are left."""
        values.reset_dimensions()  # programs write wrong ones, and openpyxl believes them
        if formulas is not None:
            formulas.reset_dimensions()
        rows = ((row, row) for row in values.iter_rows())
        pairs = zip(values.iter_rows(), formulas.iter_rows(), strict=False) if formulas else rows
        for row, formula_row in pairs:
            self._cells_left -= len(row) + 1
            if self._cells_left < 0:
                self.warn(f"has more than {_MAX_CELLS} cells; the rest is left out")
                return
            line = [self._text(*cells) for cells in zip(row, formula_row, strict=False)]
            while line and not line[-1]:
                line.pop()
            yield line

    def _text(self, cell: Any, formula: Any) -> str:
        if cell.value is None and formula.value is not None:
            self._without_value += 1
            return str(getattr(formula.value, "text", formula.value))
        return _value_text(cell)

    def _tables(self, lines: Iterable[Line]) -> Iterator[Element]:
        """Texts and tables: a line of one cell above a wider table is a title."""
        for is_filled, group in groupby(lines, key=any):
            block = _without_empty_columns(list(group)) if is_filled else []
            is_wide = any(sum(map(bool, line)) > 1 for line in block)
            while is_wide and block and sum(map(bool, block[0])) == 1:
                yield Element("".join(block.pop(0)))
            yield from self.table_elements(block)

    def _attached(self, archive: zipfile.ZipFile, name: str, path: str) -> Iterator[Element]:
        """The charts, images, text boxes and comments of a sheet."""
        for kind, target in _related(archive, path).values():
            if kind == "drawing":
                yield from self._drawing(archive, name, target)
            elif kind == "comments" and (text := xml_texts(_read(archive, target))):
                yield Element(f"Comments: {text}")

    def _drawing(self, archive: zipfile.ZipFile, name: str, path: str) -> Iterator[Element]:
        data = _read(archive, path)
        yield Element(xml_texts(data))
        captions = _captions(data)
        for relation, (kind, target) in _related(archive, path).items():
            if kind in ("chart", "chartEx"):
                read = chart_text if kind == "chart" else xml_texts
                missing = f"chart on sheet {name}: native, no image"
                yield Element(read(_read(archive, target)), not_rendered=missing)
            elif kind == "image":
                short = posixpath.basename(target)
                image, caption = picture(short, _read(archive, target)), captions.get(relation, "")
                if element := self.image_element(image, name=short, caption=caption):
                    yield element


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str, str]]:
    """The name, the path in the archive and the kind of each sheet, in their order."""
    for kind, workbook in _related(archive, "").values():
        if kind == "officeDocument":
            related, root = _related(archive, workbook), parse_xml(_read(archive, workbook))
            for sheet in root.iter("{*}sheet") if root is not None else ():
                kind_of_sheet, path = related.get(str(sheet.get(f"{_RELATION}id")), ("", ""))
                yield str(sheet.get("name")), path, kind_of_sheet


def _related(archive: zipfile.ZipFile, path: str) -> dict[str, tuple[str, str]]:
    """The kind and the path of what a part of the archive refers to, by the relation's id."""
    module = require("openpyxl.packaging.relationship")
    try:
        relations = module.get_dependents(archive, module.get_rels_path(path))
    except KeyError:  # it refers to nothing
        return {}
    return {
        str(each.Id): (str(each.Type).rpartition("/")[2], str(each.Target))
        for each in relations
        if each.TargetMode != "External"
    }


def _read(archive: zipfile.ZipFile, path: str) -> bytes:
    """A file of the archive; empty if it is missing."""
    try:
        return archive.read(path)
    except KeyError:
        return b""


def _has_formulas(archive: zipfile.ZipFile, path: str) -> bool:
    """Whether a sheet has formulas; reading it once again for them takes as long as the values."""
    with archive.open(path) as file:
        tail = b""
        while block := file.read(_BLOCK):
            if b"<f>" in (joined := tail + block) or b"<f " in joined:
                return True
            tail = block[-3:]
    return False


def _headers(archive: zipfile.ZipFile, path: str) -> list[str]:
    """The texts of a sheet's headers and footers, each once, without page numbers and the like."""
    if path not in archive.namelist():
        return []
    with archive.open(path) as file:
        tail = b""
        while block := file.read(_BLOCK):
            tail = (tail + block)[-_LONGEST_HEADERS:]
    found = _HEADERS.search(tail)
    # The part alone has lost the declarations of its namespaces.
    root = parse_xml(re.sub(rb"(</?)\w+:", rb"\1", found.group())) if found else None
    texts = (node.text or "" for node in root) if root is not None else ()
    plain = (" ".join(_CODES.sub(" ", text.replace("&&", "\0")).split()) for text in texts)
    return list(
        dict.fromkeys(text.replace("\0", "&") for text in plain if any(map(str.isalpha, text)))
    )


def _captions(drawing: bytes) -> dict[str, str]:
    """The alternative texts of images, by their relation's id."""
    captions: dict[str, str] = {}
    root = parse_xml(drawing)
    for shape in root.iter("{*}pic") if root is not None else ():
        described = next((node.get("descr") for node in shape.iter("{*}cNvPr")), None)
        for blip in shape.iter("{*}blip"):
            captions[str(blip.get(f"{_RELATION}embed"))] = described or ""
    return captions


def _without_empty_columns(lines: list[Line]) -> list[Line]:
    width = max(map(len, lines))
    padded = [[*line, *[""] * (width - len(line))] for line in lines]
    filled = [column for column in range(width) if any(line[column] for line in padded)]
    return [[line[column] for column in filled] for line in padded]


def _value_text(cell: Any) -> str:
    """A value as a person reads it: dates by ISO 8601, percentages, whole numbers without ".0"."""
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() | int() if "%" in str(cell.number_format):
            return f"{value * 100:.12g}%"
        case float():
            return f"{value:.15g}"
        case datetime():
            return value.isoformat(" ").removesuffix(" 00:00:00")
        case _:
            return str(value)
