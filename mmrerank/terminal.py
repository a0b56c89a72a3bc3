"""Text of untrusted documents, made safe and short for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["clean", "snippet"]

# Escape sequences with their parameters: CSI; OSC and other strings that end; two characters.
# Of one-byte controls (C1) only the byte is removed: wrongly decoded text is full of them.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)

_REMOVED = ("Cc", "Cf", "Cs", "Co", "Cn")  # Unicode categories: controls, formats, ...

_ALLOWED = "\n\t\u200c\u200d\u00ad"  # joiners and soft hyphens are part of spelling


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and marks of writing direction.

    Tabs and line ends stay. Documents are untrusted: printed raw, they could rewrite the screen.
    """
    bare = _ESCAPES.sub("", text)
    return "".join(c for c in bare if c in _ALLOWED or unicodedata.category(c) not in _REMOVED)


def snippet(text: str, words: Sequence[str] = (), width: int = 160) -> str:
    """One line of about `width` characters, beginning near the first of `words` in the text."""
    line = " ".join(clean(text).split())
    positions = [line.casefold().find(word.casefold()) for word in words]
    first = min((position for position in positions if position >= 0), default=0)
    start = max(0, min(first - 30, len(line) - width))
    if start:
        start = line.find(" ", start) + 1
    cut = line[start : start + width]
    head, tail = "… " if start else "", " …" if start + width < len(line) else ""
    return f"{head}{cut}{tail}"
