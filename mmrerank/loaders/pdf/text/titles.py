"""The titles of a document's outline, found again in its text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

__all__ = ["is_title", "title_forms"]

_LETTERS = re.compile(r"[^\W_]+")

_NUMBER = re.compile(
    r"\s*(?:(?:chapter|section|part|appendix|kapitel|abschnitt)\s+)?"
    r"(?:(?:[A-Z]\.?)?\d+(?:\.\d+)*|[A-Z]|[IVXLC]+)(?:[.):\u2013\u2014-]\s*|\s+)(?=\S)",
    re.IGNORECASE,
)

_FEWEST_LETTERS = 3  # of a title without its number


def title_forms(titles: Iterable[str]) -> frozenset[str]:
    """What `is_title` compares: the letters of titles, with and without the number before them."""
    return frozenset(form for title in titles for form in _forms(title))


def is_title(text: str, forms: Collection[str]) -> bool:
    """Whether a text is one of these titles; "2.1 Methods" is "Methods", and the other way round."""
    return bool(forms) and any(form in forms for form in _forms(text))


def _forms(text: str) -> list[str]:
    """The small letters of a text, and those without its number if enough are left."""
    bare = _letters(_NUMBER.sub("", text, count=1))
    whole = _letters(text)
    return [form for form in (whole, bare if len(bare) >= _FEWEST_LETTERS else "") if form]


def _letters(text: str) -> str:
    return "".join(_LETTERS.findall(unicodedata.normalize("NFKC", text))).casefold()
