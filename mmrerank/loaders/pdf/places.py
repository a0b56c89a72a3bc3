"""Where in a document's text its figures belong, found again in text that another program cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmrerank.loaders.base import Figure, Link
from mmrerank.loaders.pdf.page import Block

__all__ = ["Place", "Places", "place_of"]

_WINDOW = 80  # letters of the text before a place: a line of print

_LEAST = 10  # letters; a shorter heading or label may stand anywhere, so what follows is added

_GRAM = 8  # letters that are compared together: a word and its neighbour

_SHARED = 0.5  # of a window: whoever has half of a line has the place

_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A figure, and the words at the place of its page (from 1) that it belongs to."""

    link: Link
    page: int
    window: str


def place_of(link: Link, page: int, blocks: Sequence[Block], index: int, offset: int) -> Place:
    """The place at an offset in the text of `blocks[index]`."""
    text = blocks[index].text
    window, after = letters(text[:offset])[-_WINDOW:], letters(text[offset:])
    for block in blocks[index + 1 : index + 3]:
        after += letters(block.text)
    missing = _WINDOW - len(window) if offset < len(text) else _LEAST - len(window)
    return Place(link, page, window + after[: max(missing, 0)])


class Places:
    """The places of a document. Loaders differ in spaces, hyphens and ligatures, not in letters."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._by_page: dict[int, list[tuple[Link, frozenset[str]]]] = {}
        self._placed: set[tuple[str, int]] = set()
        for place in places:
            if grams := _grams(place.window):
                self._by_page.setdefault(place.page, []).append((place.link, grams))
                self._placed.add((place.link.figure.ref, place.page))

    def links(self, text: str, page: int) -> list[Link]:
        """The links of those places on a page of which `text` has half the words or more."""
        grams = _grams(letters(text))
        return [
            link
            for link, window in self._by_page.get(page, ())
            if len(window & grams) >= _SHARED * len(window)
        ]

    def has_place(self, figure: Figure) -> bool:
        """Is there text on the figure's own page that it belongs to?"""
        return (figure.ref, figure.page) in self._placed


def letters(text: str) -> str:
    """The letters and digits of a text, without what loaders write in different ways."""
    return _LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + _GRAM] for i in range(len(text) - _GRAM + 1))
