"""Words that a line end cuts in two, with a hyphen that may be theirs or not."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["HYPHENS", "WORD", "with_next_line"]

HYPHENS = "-\u00ad\u2010"
"""What a cut word ends with: hyphens, and the soft hyphen, which is never part of a word."""

WORD = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)*")
"""A word, with the hyphens within it."""

_LAST_WORD = re.compile(r"[^\W_]+(?:[-\u2010][^\W_]+)*[-\u2010]$")

_MIN_PART = 3  # letters of both parts of a compound

_PREFIXES = frozenset(
    "anti back counter down dis every fore hyper inter micro mid mis multi non out over post pre pro "
    "some semi sub super there trans under where with".split()
)  # often written as one word with what follows


def with_next_line(text: str, following: str, known: Collection[str], *, wrapped: bool) -> str:
    """The text so far and a line below it; `wrapped` if the text fills its last line."""
    if len(text) < 2 or text[-1] not in HYPHENS or not text[-2].isalnum():
        return text + (" " if wrapped else "\n") + following
    if text[-2].isdigit():  # "10-" "year", "1990-" "1995"
        joined = wrapped or following[0].islower()
        return text + ("" if joined else "\n") + following
    if following[0].islower() or (text[-2].isupper() and _is_one_word(text, following, known)):
        return _whole_word(text, following, known)
    if wrapped:  # "Anglo-" "American": the hyphen belongs to the word
        return text + following
    return text + "\n" + following


def _is_one_word(text: str, following: str, known: Collection[str]) -> bool:
    """Whether the document writes both parts as one word: "INTRO-" "DUCTION"."""
    first, second = _parts(text, following)
    return bool(first and second) and first + second in known


def _whole_word(text: str, following: str, known: Collection[str]) -> str:
    """Two parts of a word joined, with the hyphen if it belongs to the word."""
    first, second = _parts(text, following)
    if text[-1] != "\u00ad" and first and second and _has_hyphen(first, second, known):
        return text + following
    return text[:-1] + following


def _parts(text: str, following: str) -> tuple[str, str]:
    """The last word of a text without its hyphen and the first word of another, in small letters."""
    start, end = _LAST_WORD.search(text), WORD.match(following)
    return (start[0][:-1].lower() if start else "", end[0].lower() if end else "")


def _has_hyphen(first: str, second: str, known: Collection[str]) -> bool:
    """Whether a hyphen between two parts belongs to the word, by the words of the document.

    Without the whole word in the document, two of its words are a compound ("long-" "standing"), but
    not after a prefix such as "over"; one letter before a hyphen is never the part of a word.
    """
    if first + second in known:
        return False
    if f"{first}-{second}" in known or (known and len(first) == 1):
        return True
    last = first.rpartition("-")[2]
    compound = len(last) >= _MIN_PART and len(second) > _MIN_PART and last not in _PREFIXES
    return compound and last in known and second in known
