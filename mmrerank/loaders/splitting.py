"""Cutting text into pieces of a given size, at sentence ends where possible."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Sizes", "cut_text"]

_SENTENCE_END = re.compile(
    r"[.!?。\uff01\uff1f][\"')\]”\u2019»]*\s+(?=[^\Wa-zß-öø-ÿ\d_])|[。\uff01\uff1f]"
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a chunk may be: `limit` characters, or whatever `measure` counts (tokens)."""

    limit: int
    measure: Callable[[str], int] = len

    def fits(self, text: str) -> bool:
        """Whether a text is no larger than the limit."""
        return self.measure(text) <= self.limit

    def longest(self, before: str, text: str) -> int:
        """How many characters of `text` still fit a chunk that holds `before`; by bisection."""
        if self.fits(before + text):
            return len(text)
        low, high = 0, min(len(text), self.limit * 40)  # no token is longer than that
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.fits(before + text[:middle]) else (low, middle - 1)
        return low


def cut_text(text: str, sizes: Sizes) -> list[str]:
    """A text in pieces within their size, each ending well."""
    pieces: list[str] = []
    while text:
        piece, text = _cut(text, max(sizes.longest("", text), 1))
        pieces.append(piece)
    return pieces


def _cut(text: str, size: int) -> tuple[str, str]:
    """The longest beginning of at most `size` characters that ends well, and the rest."""
    if len(text) <= size:
        return text, ""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, size + 1)]
    line, space = text.rfind("\n", 0, size + 1), text.rfind(" ", 0, size + 1)
    good = [end for end in (*ends[-1:], line) if end >= size // 2]
    at = max(good, default=0) or (space if space > 0 else size)
    at = min(at, size)
    return text[:at].rstrip() or text[:at], text[at:].lstrip()
