"""Cutting text into pieces of a given size, at sentence ends where possible."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Sizes", "cut_once", "cut_text"]

_SENTENCE_END = re.compile(
    r"[.!?。\uff01\uff1f][\"')\]”\u2019»]*\s+(?=[^\Wa-zß-öø-ÿ\d_])|[。\uff01\uff1f]"
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a chunk may be: `limit` in the unit that `measure` counts, characters or tokens."""

    limit: int
    measure: Callable[[str], int] = len

    def fits(self, text: str) -> bool:
        """Whether a text is no larger than the limit."""
        return self.measure(text) <= self.limit

    def longest(self, before: str, text: str) -> int:
        """How many characters of `text` fit into a chunk after `before`; found by bisection."""
        if self.fits(before + text):
            return len(text)
        low, high = 0, min(len(text), self.limit * 40)  # a token has at most 40 characters
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.fits(before + text[:middle]) else (low, middle - 1)
        return low


def cut_text(text: str, sizes: Sizes) -> list[str]:
    """A text in pieces within the size, cut as `cut_once` cuts."""
    pieces: list[str] = []
    while text:
        piece, text = cut_once(text, max(sizes.longest("", text), 1))
        pieces.append(piece)
    return pieces


def cut_once(text: str, size: int) -> tuple[str, str]:
    """The beginning of a text, at most `size` characters, and the rest.

    Cuts at the end of a sentence or line in the second half, or else at a space, or else anywhere.
    """
    if len(text) <= size:
        return text, ""
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, size + 1)]
    line, space = text.rfind("\n", 0, size + 1), text.rfind(" ", 0, size + 1)
    late_ends = [end for end in (*ends[-1:], line) if end >= size // 2]
    at = max(late_ends, default=0) or (space if space > 0 else size)
    at = min(at, size)
    return text[:at].rstrip() or text[:at], text[at:].lstrip()
