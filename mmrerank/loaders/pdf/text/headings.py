"""Headings, and the sections that they open."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from mmrerank.loaders.pdf.page import Block
from mmrerank.loaders.pdf.text.titles import is_title, title_forms

__all__ = ["Headings"]

_LARGER = 1.15  # times the size of body text

_SMALLER = 0.9  # capitals in heavy type may be a little smaller than body text

_MAX_LINES, _MAX_CHARACTERS = 3, 150  # of a heading

_MIN_LETTERS = 2  # of a heading that the outline does not name: "R3" labels a part of a drawing

_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,3})*)[.):]?\s")

_LETTERS = re.compile(r"[^\W\d_]")

_PROSE_ENDINGS = tuple(".;,")


class _Heading(NamedTuple):
    """A heading whose section goes on: size in points, title, and the parts of its number."""

    size: float
    title: str
    number: tuple[int, ...]


class Headings:
    """Tells headings from prose by size, weight and the document's own outline.

    `body_size` is the font size of body text in points, `outline` the titles of a PDF's bookmarks
    by page number from 1. Where body text is heavy itself (`body_bold`), weight says nothing.
    `section` follows the headings that were entered.
    """

    def __init__(
        self,
        body_size: float,
        outline: Mapping[int, Collection[str]] | None = None,
        *,
        body_bold: bool = False,
    ) -> None:
        self._body_size, self._body_bold = body_size, body_bold
        self._outline = {page: title_forms(titles) for page, titles in (outline or {}).items()}
        self._path: list[_Heading] = []

    def is_heading(self, block: Block, page: int = 0) -> bool:
        """True if a block of text on this page is a heading."""
        if not _is_short(block) or block.in_figure or block.caption or not block.upright:
            return False
        if is_title(block.text, self._outline.get(page, ())):
            return True
        return len(_LETTERS.findall(block.text)) >= _MIN_LETTERS and self._has_type(block)

    def _has_type(self, block: Block) -> bool:
        """Whether a block is set as headings are: larger than body text, or heavier."""
        if block.size >= _LARGER * self._body_size:
            return True
        if block.is_aside or self._body_bold or block.size < _SMALLER * self._body_size:
            return False
        return all(line.bold for line in block.lines) and not block.text.endswith(_PROSE_ENDINGS)

    def enter(self, block: Block) -> None:
        """Enter the section that a heading opens.

        "2.1" is within "2"; without such numbers, smaller type opens a section within larger type.
        """
        title = " ".join(block.text.split())
        number = _number(title)
        depth = self._numbered_depth(number) if number else None
        if depth is None:
            # A bold heading in the size of body text is within all larger ones.
            while self._path and self._path[-1].size <= block.size:
                self._path.pop()
        else:
            del self._path[depth:]
        self._path.append(_Heading(block.size, title, number))

    def _numbered_depth(self, number: tuple[int, ...]) -> int | None:
        """How many of the current headings a numbered one is within; None if numbers do not say."""
        for depth in range(len(self._path), 0, -1):
            other = self._path[depth - 1].number
            if other and other == number[: len(other)] and len(other) < len(number):
                return depth
            if len(other) == len(number) and other[:-1] == number[:-1] and other < number:
                return depth - 1
        return None

    @property
    def section(self) -> str:
        """The current headings, outermost first: "2 Results > 2.1 Speed"; "" before the first."""
        return " > ".join(heading.title for heading in self._path)


def _number(title: str) -> tuple[int, ...]:
    """The parts of the number before a title: (2, 1) for "2.1 Methods"; () without one."""
    match = _NUMBER.match(title)
    parts = [int(part) for part in match[1].split(".")] if match else []
    return tuple(parts[:-1] if len(parts) > 1 and not parts[-1] else parts)  # "2.0" is "2"


def _is_short(block: Block) -> bool:
    """Whether a block is short enough for a heading, and has letters at all."""
    if len(block.lines) > _MAX_LINES or len(block.text) > _MAX_CHARACTERS:
        return False
    return _LETTERS.search(block.text) is not None
