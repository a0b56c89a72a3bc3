"""Text of untrusted documents, made safe and short for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

__all__ = ["clean", "clean_data", "snippet"]

# Escape sequences with their parameters: CSI; OSC and other strings that end; two characters.
# Of one-byte controls (C1) only the byte is removed: wrongly decoded text is full of them.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)

_REMOVED = ("Cc", "Cf", "Cs", "Co", "Cn")  # Unicode categories: controls, formats, ...

_ALLOWED = "\n\t\u200c\u200d\u00ad"  # joiners and soft hyphens are part of spelling

_LONGEST_WORD = 20  # characters; longer ones, and text without spaces, are cut
_LEAD = 30  # characters of a snippet before its first word


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and marks of writing direction.

    Tabs and line ends stay. Documents are untrusted: printed raw, they could rewrite the screen.
    """
    bare = _ESCAPES.sub("", text)
    return "".join(c for c in bare if c in _ALLOWED or unicodedata.category(c) not in _REMOVED)


def clean_data(value: Any) -> Any:
    """Plain data whose strings hold no terminal escapes; tuples become lists."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_data(key): clean_data(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_data(own) for own in value]
    return value


def snippet(text: str, words: Sequence[str] = (), width: int = 160) -> str:
    """One line of about `width` columns: the part of the text that has most of `words`."""
    line = " ".join(clean(text).split())
    start = _best_start(line, words, width)
    cut = _columns(line[start:], width)
    head, tail = "… " if start else "", " …" if start + len(cut) < len(line) else ""
    return f"{head}{cut}{tail}"


def _best_start(line: str, words: Sequence[str], width: int) -> int:
    """Where a part of `width` characters begins that has the most different letters of words."""
    lower = line.lower()
    places = sorted(
        (match.start(), word)
        for word in {word.lower() for word in words if word}
        for match in re.finditer(
            rf"(?<!\w){re.escape(word)}" if word.isascii() else re.escape(word), lower
        )
    )
    best, most = 0, 0
    for i, (first, _) in enumerate(places):
        within = {word for place, word in places[i:] if place + len(word) <= first + width - _LEAD}
        if (weight := sum(map(len, within))) > most:
            best, most = first, weight
    start = max(0, min(best - _LEAD, len(line) - width))
    return line.find(" ", start, best + 1) + 1 or start if start else 0


def _columns(line: str, width: int) -> str:
    """The beginning of a line that fills `width` columns; Chinese letters fill two."""
    used = 0
    for i, letter in enumerate(line):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > width:
            head, space, _ = line[:i].rpartition(" ")
            return head if space and len(head) > i - _LONGEST_WORD else line[:i]
    return line
