"""Text from untrusted documents, made safe and short for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["clean", "snippet"]

# Escape sequences with their parameters: CSI; OSC and other strings if they end; two characters.
# One-byte controls (C1) only go themselves: text in a wrong encoding is full of them.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and marks that reorder a line.

    Tabs and line ends stay. Documents are untrusted: printed raw, they could rewrite the screen.
    """
    bare = _ESCAPES.sub("", text)
    return "".join(c for c in bare if c in _KEPT or unicodedata.category(c) not in _UNPRINTED)


_UNPRINTED = ("Cc", "Cf", "Cs", "Co", "Cn")

_KEPT = "\n\t\u200c\u200d\u00ad"  # joiners and soft hyphens are part of spelling


def snippet(text: str, words: Sequence[str] = (), width: int = 160) -> str:
    """One line of at most `width` characters, beginning near the first of `words` it holds."""
    line = " ".join(clean(text).split())
    places = [line.casefold().find(word.casefold()) for word in words]
    first = min((place for place in places if place >= 0), default=0)
    start = max(0, min(first - 30, len(line) - width))
    if start:
        start = line.find(" ", start) + 1
    cut = line[start : start + width]
    head, tail = "… " if start else "", " …" if start + width < len(line) else ""
    return f"{head}{cut}{tail}"
