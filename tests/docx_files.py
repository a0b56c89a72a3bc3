"""Word files that python-docx does not write by itself."""

from __future__ import annotations

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def add_part(document, kind, name, content_type, data):
    """Add a part that the document refers to by a relation of this kind; returns its id."""
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    part = Part(PackURI(name), content_type, data, document.part.package)
    return document.part.relate_to(part, _TYPES + kind)


def put_into_control(node):
    """Wrap a cell, a row or a table in a content control."""
    from lxml import etree

    control = etree.Element(f"{{{_W}}}sdt")
    node.getparent().replace(node, control)
    etree.SubElement(control, f"{{{_W}}}sdtContent").append(node)


def change_type(part, content_type):
    """Save a part under another content type."""
    part._content_type = content_type
