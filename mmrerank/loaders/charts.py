"""Native charts of office files: their titles, and their numbers as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mmrerank.loaders.table_text import table_text
from mmrerank.optional import require

__all__ = ["chart_text", "parse_xml", "xml_texts"]

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_EPOCHS = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - a date only
_NOT_A_CODE = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')  # literal text and colours in a number format

Points = dict[int, str]
"""The values of a series by their place; a gap has none."""


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    places: Points  # categories, or x values
    values: Points
    sizes: Points  # of bubbles
    has_x: bool


def chart_text(data: bytes) -> str:
    """The title of a chart (the XML of its part), and a table of each group of its series.

    Series with equal categories share a table, in which a gap is an empty cell. Scatter and
    bubble charts have a table for each series: x, y, and the size of the bubble. Of a chart that
    is not modelled so, all words and numbers.
    """
    root = parse_xml(data)
    if root is None:
        return ""
    uses_1904 = any(node.get("val") not in ("0", "false") for node in root.iter(f"{_C}date1904"))
    series = [
        _series(node, number, uses_1904) for number, node in enumerate(root.iter(f"{_C}ser"), 1)
    ]
    if not any(one.values for one in series):
        return xml_texts(data)
    tables = [table_text(rows) for rows in _tables(series)]
    titles = (_rich_text(title) for title in root.iter(f"{_C}title"))
    return "\n\n".join(filter(None, [" | ".join(filter(None, titles)), *tables]))


def parse_xml(data: bytes) -> Any:
    """The root of an XML part, without entities; None if it is damaged."""
    etree = require("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def xml_texts(data: bytes) -> str:
    """The texts and values in a part of XML, one per line; "" if it is damaged."""
    root = parse_xml(data)
    if root is None:
        return ""
    words = ((node.text or "").strip() for node in root.iter("{*}t", "{*}v", "{*}pt"))
    return "\n".join(word for word in words if word)


def _series(node: Any, number: int, uses_1904: bool) -> _Series:
    def points(*names: str) -> Points:
        child = next(
            (node.find(_C + name) for name in names if node.find(_C + name) is not None), None
        )
        return {} if child is None else _points(child, uses_1904)

    name = " ".join(text for _, text in sorted(points("tx").items())) or f"series {number}"
    has_x = node.find(f"{_C}xVal") is not None or node.find(f"{_C}yVal") is not None
    return _Series(name, points("xVal", "cat"), points("yVal", "val"), points("bubbleSize"), has_x)


def _points(node: Any, uses_1904: bool) -> Points:
    """The points of a sequence; of categories with several levels, all levels of each."""
    levels = list(node.iter(f"{_C}lvl"))
    if levels:
        return _joined([_cached(level, uses_1904) for level in reversed(levels)])
    direct = node.find(f"{_C}v")
    return _cached(node, uses_1904) if direct is None else {0: direct.text or ""}


def _cached(node: Any, uses_1904: bool) -> Points:
    found: Points = {}
    code = next((each.text or "" for each in node.iter(f"{_C}formatCode")), "")
    for point in node.iter(f"{_C}pt"):
        index, value = str(point.get("idx")), point.find(f"{_C}v")
        if index.isdecimal() and value is not None and value.text:
            found[int(index)] = _formatted(
                value.text.strip(), point.get("formatCode") or code, uses_1904
            )
    return found


def _joined(levels: Sequence[Points]) -> Points:
    """Points of several levels; an outer level holds until its next point."""
    *outer, inner = levels
    joined: Points = {}
    for index, text in inner.items():
        above = (_last(level, index) for level in outer)
        joined[index] = " / ".join([*filter(None, above), text])
    return joined


def _last(level: Points, index: int) -> str:
    return level[max(before)] if (before := [at for at in level if at <= index]) else ""


def _formatted(value: str, code: str, uses_1904: bool) -> str:
    """A number as the file has it, or as a date if that is its format."""
    if (
        re.search(r"[ymd]", _NOT_A_CODE.sub("", code), re.IGNORECASE)
        and "general" not in code.lower()
    ):
        with suppress(ValueError, OverflowError):
            moment = _EPOCHS[uses_1904] + timedelta(days=float(value))
            return moment.isoformat(" ", "minutes").removesuffix(" 00:00")
    return value


def _tables(series: Sequence[_Series]) -> Iterator[list[list[str]]]:
    """A table for series with the same categories, and one for each series with x values."""
    shared = [one for one in series if not one.has_x]
    while shared:
        places = shared[0].places
        group = [one for one in shared if one.places == places]
        shared = [one for one in shared if one.places != places]
        yield _grid(["", *(one.name for one in group)], [places, *(one.values for one in group)])
    yield from (_xy_grid(one) for one in series if one.has_x)


def _xy_grid(series: _Series) -> list[list[str]]:
    heads, columns = ["x", series.name], [series.places, series.values]
    return (
        _grid([*heads, "size"], [*columns, series.sizes]) if series.sizes else _grid(heads, columns)
    )


def _grid(heads: list[str], columns: Sequence[Points]) -> list[list[str]]:
    indices = sorted(set().union(*columns))
    first = {index: str(index + 1) for index in indices} | columns[0]
    named = [first, *columns[1:]]
    return [heads, *([column.get(index, "") for column in named] for index in indices)]


def _rich_text(title: Any) -> str:
    return "".join(node.text or "" for node in title.iter("{*}t", f"{_C}v")).strip()
