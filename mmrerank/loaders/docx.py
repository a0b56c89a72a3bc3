"""Word files: headings, paragraphs, tables, notes, headers and footers, and images of every kind."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.loaders.charts import parse_xml
from mmrerank.loaders.docx_xml import (
    CHART,
    DIAGRAM,
    NEW_CHART,
    RELATION,
    W,
    alt_text,
    is_within,
    own_rows,
    paragraph_text,
    references,
    table_rows,
)
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.html_reader import HTMLReader
from mmrerank.loaders.mail_message import mail_elements
from mmrerank.loaders.office import check_archive, part_chart, part_image, part_texts
from mmrerank.loaders.office_archive import readable_archive
from mmrerank.loaders.text import decoded, paragraphs
from mmrerank.optional import require

__all__ = ["DOCXLoader"]

_KINDS = {CHART: "chart", NEW_CHART: "chart", DIAGRAM: "SmartArt"}
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_OTHER_MAIN = [  # templates, and both with macros, differ by their content type only
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
]
_MAX_DEPTH = 3  # of documents within documents


class DOCXLoader(ElementLoader):
    """Loads a DOCX file or a template; images are linked where they stand and where the text mentions them.

    Headers and footers come first, each once, footnotes, endnotes and comments last. Native charts and
    SmartArt become text, their words and numbers, and are named under `not_rendered`. Keywords are
    those of `LoaderOptions`.
    """

    def elements(self) -> Iterator[Element]:
        """The parts of the document, in order."""
        check_archive(self.path)
        yield from self._document(_open(str(self.origin), self.path), depth=0)

    def _document(self, document: Any, depth: int) -> Iterator[Element]:
        levels = _heading_levels(document)
        yield from self._headers(document.part)
        for node in _blocks(document.element.body):
            if node.tag == f"{W}altChunk":
                yield from self._alt_chunk(document.part, node.get(f"{RELATION}id"), depth)
            else:
                yield from self._block(document.part, node, levels)
        yield from self._notes(document.part)
        yield from self._comments(document.part)

    def _block(self, part: Any, node: Any, levels: dict[str, int]) -> Iterator[Element]:
        """A paragraph or a table, and the images in it."""
        if node.tag == f"{W}tbl":
            yield from self._table(part, node, levels)
        elif node.tag == f"{W}p":
            yield Element(paragraph_text(node), level=_level(node, levels))
            yield from self._images(part, [node])

    def _table(self, part: Any, table: Any, levels: dict[str, int]) -> Iterator[Element]:
        """A table; rows with tables inside lay out what is in them, and are read cell by cell."""
        plain: list[Any] = []
        for row in own_rows(table):
            if next(row.iter(f"{W}tbl"), None) is None:
                plain.append(row)
                continue
            yield from self._rows(part, plain)
            plain = []
            for node in _blocks(row):
                yield from self._block(part, node, levels)
        yield from self._rows(part, plain)

    def _rows(self, part: Any, rows: list[Any]) -> Iterator[Element]:
        yield from self.table_elements(table_rows(rows))
        yield from self._images(part, rows)

    def _images(self, part: Any, nodes: list[Any]) -> Iterator[Element]:
        """The images, charts and diagrams of paragraphs or rows, each once."""
        for reference, relation in references(nodes):
            if kind := _KINDS.get(reference.tag):
                read = part_chart if reference.tag == CHART else part_texts
                missing = f"{kind} {relation}: native, no image"
                yield Element(read(part, relation), not_rendered=missing)
                continue
            name, image = part_image(part, relation)
            if element := self.image_element(image, name=name, caption=alt_text(reference)):
                yield element

    def _headers(self, part: Any) -> Iterator[Element]:
        """The texts and images of headers and footers, each once; numbers of pages are left out."""
        seen: set[str] = set()
        for related in _related(part, "header", "footer"):
            root = parse_xml(related.blob)
            for node in _blocks(root) if root is not None else ():
                for element in self._block(related, node, {}):
                    key = element.figure.ref if element.figure else element.text
                    says_something = any(map(str.isalpha, key)) or element.not_rendered
                    if says_something and key not in seen:
                        seen.add(key)
                        yield element

    def _notes(self, part: Any) -> Iterator[Element]:
        """Footnotes and endnotes; those with a type are the lines above them."""
        for related in _related(part, "footnotes", "endnotes"):
            root = parse_xml(related.blob)
            for note in root if root is not None else ():
                if note.get(f"{W}type") in (None, "normal"):
                    for node in _blocks(note):
                        yield from self._block(related, node, {})

    def _comments(self, part: Any) -> Iterator[Element]:
        """The comments of reviewers, each with its author."""
        for related in _related(part, "comments"):
            root = parse_xml(related.blob)
            for comment in root if root is not None else ():
                text = "\n".join(filter(None, map(paragraph_text, comment.iter(f"{W}p"))))
                author = comment.get(f"{W}author")
                if text:
                    yield Element(f"Comment by {author}: {text}" if author else f"Comment: {text}")

    def _alt_chunk(self, part: Any, relation: str | None, depth: int) -> Iterator[Element]:
        """Another file that Word shows as a part of this one: HTML, text, or a Word file."""
        try:
            related = part.rels[relation].target_part
            kind, data = str(related.content_type), bytes(related.blob)
        except (KeyError, AttributeError, ValueError):  # missing, or linked from elsewhere
            kind, data = "part that is missing", b""
        try:
            found = self._embedded(kind, data, depth)
        except MissingDependencyError as error:
            found = None
            kind = f"{kind} ({error})"
        if found is None:
            self.warn(f"an embedded {kind} is left out")
            yield Element(not_rendered=f"embedded {kind}")
        else:
            yield from found

    def _embedded(self, kind: str, data: bytes, depth: int) -> list[Element] | None:
        """The elements of an embedded file; None for a kind that is not read."""
        if "html" in kind:
            return HTMLReader(self).elements(data)
        if kind in ("message/rfc822", "application/x-mimearchive"):
            return list(mail_elements(self, data))
        if kind.startswith("text/plain"):
            return list(paragraphs(decoded(str(self.origin), data)))
        if "wordprocessingml" in kind and depth < _MAX_DEPTH:
            check_archive(self.path, io.BytesIO(data))
            return list(self._document(_open(str(self.origin), io.BytesIO(data)), depth + 1))
        return None


def _open(name: str, file: str | BinaryIO) -> Any:
    """The document in a file that messages call `name`; also a template, or one with macros."""
    parts = _part_factory()
    package = require("docx.package").Package()
    reader = require("docx.opc.pkgreader").PackageReader.from_file(readable_archive(name, file))
    require("docx.opc.package").Unmarshaller.unmarshal(reader, package, parts)
    main = package.main_document_part
    if main.content_type not in (_MAIN, *_OTHER_MAIN):
        raise DocumentError(name, f"is no Word file, but {main.content_type!r:.100}")
    return main.document


def _part_factory() -> Any:
    """python-docx's choice of a class for each part, which also knows templates.

    An embedded Word file has the content type of a document, but is an archive, not XML.
    """
    module = require("docx.opc.part")
    usual = module.PartFactory

    def select(content_type: str, relation: str) -> Any:
        embedded = relation.endswith("/aFChunk")
        return module.Part if embedded else usual.part_class_selector(content_type, relation)

    documents = dict.fromkeys(_OTHER_MAIN, usual.part_type_for[_MAIN])
    own = {"part_class_selector": select, "part_type_for": {**usual.part_type_for, **documents}}
    return type("PartFactory", (usual,), own)


def _blocks(root: Any) -> Iterator[Any]:
    """The paragraphs, tables and embedded files below a node, without those in tables or text boxes."""
    for node in root.iter(f"{W}p", f"{W}tbl", f"{W}altChunk"):
        if not is_within(node, root, f"{W}tbl", f"{W}txbxContent"):
            yield node


def _related(part: Any, *kinds: str) -> list[Any]:
    """The parts that a part refers to by relations of these kinds, in the order of their names."""
    found = {
        str(relation.target_part.partname): relation.target_part
        for relation in part.rels.values()
        if not relation.is_external and relation.reltype.rpartition("/")[2] in kinds
    }
    return [found[name] for name in sorted(found)]


def _heading_levels(document: Any) -> dict[str, int]:
    """The level of each paragraph style that is a heading, by the style's id."""
    levels: dict[str, int] = {}
    # Not python-docx's own styles: one without a type would cost the document.
    for style in document.styles.element.iterfind(f"{W}style"):
        identity = str(style.get(f"{W}styleId"))
        name = next((str(node.get(f"{W}val")) for node in style.iterfind(f"{W}name")), "").lower()
        if name.startswith("heading ") and name[8:].isdecimal():
            levels[identity] = int(name[8:])
        elif name == "title":
            levels[identity] = 1
    return levels


def _level(paragraph: Any, levels: dict[str, int]) -> int:
    if not paragraph_text(paragraph).strip():
        return 0
    for outline in paragraph.iterfind(f"{W}pPr/{W}outlineLvl"):
        with suppress(TypeError, ValueError):
            level = int(outline.get(f"{W}val"))
            return level + 1 if level < 9 else 0
    style = next(paragraph.iterfind(f"{W}pPr/{W}pStyle"), None)
    return levels.get(style.get(f"{W}val"), 0) if style is not None else 0
