"""Headings, and the section that a reader is in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mmrerank.loaders.pdf.page import Block

__all__ = ["Headings"]

_LARGER = 1.15  # times the body text

_LINES, _CHARACTERS = 3, 150  # a heading has no more

_LETTERS = re.compile(r"[^\W\d_]")

_ENDS_PROSE = tuple(".;,")


class Headings:
    """Tells headings from prose by size, weight and the document's own outline.

    `body_size` is the font size of most text in points, `outline` the titles that a PDF's
    bookmarks give, by page from 1. `section` follows the headings that were entered.
    """

    def __init__(
        self, body_size: float, outline: Mapping[int, Collection[str]] | None = None
    ) -> None:
        self._body_size = body_size
        self._outline = {
            page: {_plain(title) for title in titles} for page, titles in (outline or {}).items()
        }
        self._open: list[tuple[float, str]] = []

    def is_heading(self, block: Block, page: int = 0) -> bool:
        """Whether a block of text is a heading."""
        text = block.text
        if block.in_figure or block.caption or len(block.lines) > _LINES:
            return False
        if len(text) > _CHARACTERS or len(_LETTERS.findall(text)) < 2:
            return False
        if _plain(text) in self._outline.get(page, ()):
            return True
        if block.size >= _LARGER * self._body_size:
            return True
        bold = all(line.bold for line in block.lines)
        return bold and block.size >= 0.95 * self._body_size and not text.endswith(_ENDS_PROSE)

    def enter(self, block: Block) -> None:
        """Go into the section that a heading opens; smaller type is a section within it."""
        # A bold heading in the size of the text stands below all larger ones.
        while self._open and self._open[-1][0] <= block.size:
            self._open.pop()
        self._open.append((block.size, " ".join(block.text.split())))

    @property
    def section(self) -> str:
        """The headings that are open, outermost first: "2 Results > 2.1 Speed"; "" before any."""
        return " > ".join(title for _, title in self._open)


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
