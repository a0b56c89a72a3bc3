"""Headings, and the sections that they open."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mmrerank.loaders.pdf.page import Block

__all__ = ["Headings"]

_LARGER = 1.15  # times the size of body text

_MAX_LINES, _MAX_CHARACTERS = 3, 150  # of a heading

_LETTERS = re.compile(r"[^\W\d_]")

_PROSE_ENDINGS = tuple(".;,")


class Headings:
    """Tells headings from prose by size, weight and the document's own outline.

    `body_size` is the font size of body text in points, `outline` the titles of a PDF's bookmarks
    by page number from 1. `section` follows the headings that were entered.
    """

    def __init__(
        self, body_size: float, outline: Mapping[int, Collection[str]] | None = None
    ) -> None:
        self._body_size = body_size
        self._outline = {
            page: {_plain(title) for title in titles} for page, titles in (outline or {}).items()
        }
        self._path: list[tuple[float, str]] = []

    def is_heading(self, block: Block, page: int = 0) -> bool:
        """True if a block of text on this page is a heading."""
        if not _is_short(block) or block.in_figure or block.caption or not block.upright:
            return False
        if _plain(block.text) in self._outline.get(page, ()):
            return True
        if block.size >= _LARGER * self._body_size:
            return True
        bold = all(line.bold for line in block.lines) and block.size >= 0.95 * self._body_size
        return bold and not block.text.endswith(_PROSE_ENDINGS)

    def enter(self, block: Block) -> None:
        """Enter the section that a heading opens; smaller type opens a section within it."""
        # A bold heading in the size of body text is within all larger ones.
        while self._path and self._path[-1][0] <= block.size:
            self._path.pop()
        self._path.append((block.size, " ".join(block.text.split())))

    @property
    def section(self) -> str:
        """The current headings, outermost first: "2 Results > 2.1 Speed"; "" before the first."""
        return " > ".join(title for _, title in self._path)


def _is_short(block: Block) -> bool:
    """Whether a block is short enough for a heading, and has letters at all."""
    if len(block.lines) > _MAX_LINES or len(block.text) > _MAX_CHARACTERS:
        return False
    return len(_LETTERS.findall(block.text)) > 1


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
