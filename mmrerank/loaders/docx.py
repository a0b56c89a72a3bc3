"""Word files: headings, paragraphs, tables, and pictures inline, floating or in old VML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mmrerank.loaders.elements import Element, FlowLoader, Picture
from mmrerank.loaders.office import check_archive, part_image, part_texts
from mmrerank.optional import require

__all__ = ["DOCXLoader"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_VML = "{urn:schemas-microsoft-com:vml}imagedata"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"


class DOCXLoader(FlowLoader):
    """Loads a DOCX file; its pictures are linked where they stand, and where the text names them.

    Native charts and SmartArt are kept as their words and numbers and named under `not_rendered`.
    Options as `FlowLoader` has them.
    """

    def elements(self) -> Iterator[Element]:
        """The parts of the body, in order."""
        check_archive(self.path)
        docx = require("docx")
        document = docx.Document(self.path)
        levels = _heading_levels(document)
        for child in document.element.body.iter(f"{_W}p", f"{_W}tbl"):
            if _is_within(child, f"{_W}tbl", f"{_W}txbxContent"):
                continue  # it came with the table or the paragraph around it
            if child.tag == f"{_W}tbl":
                rows = child.iter(f"{_W}tr")
                yield Element("\n".join(_row(row) for row in rows))
            else:
                yield Element(_text(child), level=_level(child, levels))
            yield from self._pictures(document.part, child)

    def _pictures(self, part: Any, node: Any) -> Iterator[Element]:
        seen: set[str] = set()
        for found in node.iter(_BLIP, _VML, _CHART, _DIAGRAM):
            name = "dm" if found.tag == _DIAGRAM else "embed" if found.tag == _BLIP else "id"
            relation = found.get(_RELATION + name)
            # A drawing's fallback in VML shows the same picture again.
            if not relation or relation in seen or _repeats(found):
                continue
            seen.add(relation)
            if found.tag in (_CHART, _DIAGRAM):
                what = "chart" if found.tag == _CHART else "SmartArt"
                missing = Picture(name=f"{what} {relation}: native, no image")
                yield Element(part_texts(part, relation), picture=missing)
                continue
            label, image = part_image(part, relation)
            if picture := self.picture(image, name=label, caption=_described(found)):
                yield Element(picture=picture)


def _heading_levels(document: Any) -> dict[str, int]:
    """The level of each paragraph style that is a heading, by the style's id."""
    levels: dict[str, int] = {}
    for style in document.styles:
        name = (style.name or "").lower()
        if name.startswith("heading ") and name[8:].isdecimal():
            levels[style.style_id] = int(name[8:])
        elif name == "title":
            levels[style.style_id] = 1
    return levels


def _level(paragraph: Any, levels: dict[str, int]) -> int:
    if not _text(paragraph).strip():
        return 0
    for outline in paragraph.iterfind(f"{_W}pPr/{_W}outlineLvl"):
        with suppress(TypeError, ValueError):
            level = int(outline.get(f"{_W}val"))
            return level + 1 if level < 9 else 0
    style = next(paragraph.iterfind(f"{_W}pPr/{_W}pStyle"), None)
    return levels.get(style.get(f"{_W}val"), 0) if style is not None else 0


def _text(node: Any) -> str:
    """The words of a paragraph, with those of text boxes in it, each once."""
    words: list[str] = []
    for found in node.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}p"):
        if _is_within(found, _FALLBACK):
            continue
        if found.tag == f"{_W}t":
            words.append(found.text or "")
        elif words:
            words.append("\t" if found.tag == f"{_W}tab" else "\n")
    return "".join(words).strip()


def _row(row: Any) -> str:
    return " | ".join(_text(cell).replace("\n", " ") for cell in row.iterfind(f"{_W}tc"))


def _is_within(node: Any, *tags: str) -> bool:
    return any(ancestor.tag in tags for ancestor in node.iterancestors())


def _repeats(node: Any) -> bool:
    """Whether a node stands in a fallback beside a choice that has a picture."""
    for ancestor in node.iterancestors(_FALLBACK):
        if any(True for _ in ancestor.getparent().iter(_BLIP)):
            return True
    return False


def _described(node: Any) -> str:
    """The alternative text of a picture."""
    for ancestor in node.iterancestors():
        for found in ancestor.iterfind("{*}docPr"):
            return str(found.get("descr") or "")
        if ancestor.tag == "{urn:schemas-microsoft-com:vml}shape":
            return str(ancestor.get("alt") or "")
    return ""
