"""HTML as a tree of elements, so that no text of a document can become markup.

Text is escaped in one place, when the tree is written. Addresses are allowed by their form: images
are data of this package's own encoding, and links stay on the page's own site.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mmrerank.errors import InvalidInputError
from mmrerank.terminal import clean

__all__ = ["Element", "Node", "element", "to_html"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")

_IMAGE_DATA = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]*={0,2}")

_OWN_SITE = re.compile(r"[#?][^\s]*|/(?:[^/\\\s][^\s]*)?")  # "//host" is another site

_ADDRESSES = {"src": _IMAGE_DATA, "href": _OWN_SITE, "action": _OWN_SITE}

_REFUSED = {"script", "style", "iframe", "object", "embed", "base", "link", "svg", "template"}

_WITHOUT_END = {"br", "hr", "img", "input", "meta"}


@dataclass(frozen=True, slots=True)
class Element:
    """An element of HTML. `style` names its look in a style sheet (`mmrerank.display.styles`)."""

    name: str
    children: tuple[Node, ...] = ()
    style: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


Node = Element | str | None
"""An element, text, or nothing."""


def element(
    tag: str, /, *children: Node, style: str = "", **attributes: str | bool | None
) -> Element:
    """An element with its children. An attribute that is None or False is left out.

    Underscores stand for hyphens (`aria_label`), one at the end is dropped (`for_`). Raises
    `InvalidInputError` for names that are none, for elements that run or load anything, and for
    addresses that leave the page.
    """
    named = {
        key.rstrip("_").replace("_", "-"): "" if value is True else value
        for key, value in attributes.items()
        if value is not None and value is not False
    }
    _check(tag, named)
    return Element(tag, children, style, named)


def _check(name: str, attributes: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name) or name in _REFUSED:
        raise InvalidInputError(f"{name!r} is not an element that a page of results may have")
    for key, value in attributes.items():
        # An attribute that begins with "on" is a script; "style" is the style sheet's business.
        if not _NAME.fullmatch(key) or key.startswith("on") or key in ("style", "srcdoc", "srcset"):
            raise InvalidInputError(f"{key!r} is not an attribute that a page of results may have")
        if (form := _ADDRESSES.get(key)) and not form.fullmatch(value):
            raise InvalidInputError(f"{key} may not be {value[:80]!r}")


def to_html(nodes: Node | Iterable[Node], inline: Mapping[str, str] | None = None) -> str:
    """The nodes as HTML, with all text escaped.

    The style of an element becomes its class or, with `inline` (CSS declarations by name), its
    `style` attribute, for notebooks, which drop style sheets.
    """
    if nodes is None:
        return ""
    if isinstance(nodes, str):
        return _escaped(nodes)
    if isinstance(nodes, Element):
        return _element(nodes, inline)
    return "".join(to_html(node, inline) for node in nodes)


def _element(node: Element, inline: Mapping[str, str] | None) -> str:
    attributes = dict(node.attributes)
    if node.style and inline is None:
        attributes = {"class": node.style, **attributes}
    elif declarations := "; ".join(filter(None, map((inline or {}).get, node.style.split()))):
        attributes = {"style": declarations, **attributes}
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    if node.name in _WITHOUT_END:
        return f"<{node.name}{written}>"
    return f"<{node.name}{written}>{to_html(node.children, inline)}</{node.name}>"


def _escaped(text: str) -> str:
    """Text without controls and marks of writing direction, as HTML shows it literally."""
    return html.escape(clean(text))
