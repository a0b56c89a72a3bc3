"""The links that a PDF itself has from its text to its figures and tables."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mmrerank.loaders.boxes import Box, part_inside
from mmrerank.loaders.pdf.page import LinkTarget

__all__ = ["link_targets"]

_FIGURE_NAMES = ("figure", "subfigure", "table", "subtable")  # how hyperref begins names

_OTHER_NAMES = (
    "Item", "Hfootnote", "appendix", "chapter", "cite", "equation", "index", "page", "paragraph",
    "part", "section", "subparagraph", "subsection", "subsubsection", "theorem",
)  # fmt: skip


def link_targets(document: Any, page: Any) -> list[LinkTarget]:
    """The links on a page of a PyMuPDF document that may lead to its figures and tables."""
    targets: list[LinkTarget] = []
    with suppress(Exception):  # broken links are left out
        links = [link for link in page.get_links() if _leads_to_place(link)]
        words = page.get_text("words") if links else []
        for link in links:
            box: Box = tuple(link["from"])
            inside = [word[4] for word in words if part_inside(word[:4], box) > 0.5]
            y = link["to"].y
            if link.get("nameddest"):  # its height counts from the bottom
                y = document.load_page(link["page"]).rect.height - y
            sure = _names_figure(link)
            targets.append(LinkTarget(box, " ".join(inside), link["page"] + 1, y, sure=sure))
    return targets


def _leads_to_place(link: dict[str, Any]) -> bool:
    """True for a link to a point of a page that may be a figure: hyperref names what it is."""
    name = str(link.get("nameddest", ""))
    return link.get("to") is not None and link["page"] >= 0 and not name.startswith(_OTHER_NAMES)


def _names_figure(link: dict[str, Any]) -> bool:
    return str(link.get("nameddest", "")).startswith(_FIGURE_NAMES)
