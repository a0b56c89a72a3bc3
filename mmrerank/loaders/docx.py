"""Word files: headings, paragraphs, tables, and images inline, floating or in old VML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
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


class DOCXLoader(ElementLoader):
    """Loads a DOCX file; images are linked where they stand and where the text mentions them.

    Native charts and SmartArt become text, their words and numbers, and are named under
    `not_rendered`. Keywords are those of `LoaderOptions`.
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
            yield from self._images(document.part, child)

    def _images(self, part: Any, node: Any) -> Iterator[Element]:
        """The images, charts and diagrams of a paragraph or table, each once."""
        for reference, relation in _references(node):
            if reference.tag in (_CHART, _DIAGRAM):
                kind = "chart" if reference.tag == _CHART else "SmartArt"
                missing = f"{kind} {relation}: native, no image"
                yield Element(part_texts(part, relation), not_rendered=missing)
                continue
            name, image = part_image(part, relation)
            if element := self.image_element(image, name=name, caption=_alt_text(reference)):
                yield element


def _references(node: Any) -> Iterator[tuple[Any, str]]:
    """What refers to an image, a chart or a diagram, with the id of that relation, each once."""
    attributes = {_DIAGRAM: "dm", _BLIP: "embed"}
    seen: set[str] = set()
    for reference in node.iter(_BLIP, _VML, _CHART, _DIAGRAM):
        relation = reference.get(_RELATION + attributes.get(reference.tag, "id"))
        # A drawing's fallback in VML shows the same image again.
        if relation and relation not in seen and not _is_fallback_copy(reference):
            seen.add(relation)
            yield reference, relation


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
    """The text of a paragraph and of the text boxes in it, each once."""
    words: list[str] = []
    for part in node.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}p"):
        if _is_within(part, _FALLBACK):
            continue
        if part.tag == f"{_W}t":
            words.append(part.text or "")
        elif words:
            words.append("\t" if part.tag == f"{_W}tab" else "\n")
    return "".join(words).strip()


def _row(row: Any) -> str:
    return " | ".join(_text(cell).replace("\n", " ") for cell in row.iterfind(f"{_W}tc"))


def _is_within(node: Any, *tags: str) -> bool:
    return any(ancestor.tag in tags for ancestor in node.iterancestors())


def _is_fallback_copy(node: Any) -> bool:
    """Whether a node stands in a fallback whose preferred choice has an image too."""
    for ancestor in node.iterancestors(_FALLBACK):
        if any(True for _ in ancestor.getparent().iter(_BLIP)):
            return True
    return False


def _alt_text(node: Any) -> str:
    """The alternative text of an image."""
    for ancestor in node.iterancestors():
        for properties in ancestor.iterfind("{*}docPr"):
            return str(properties.get("descr") or "")
        if ancestor.tag == "{urn:schemas-microsoft-com:vml}shape":
            return str(ancestor.get("alt") or "")
    return ""
