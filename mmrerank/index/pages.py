"""The pages of candidates, for the lexical reranker: what else they say, and which the query names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mmrerank.index.ledger import Entry, Ledger
from mmrerank.loaders.base import ATTACHMENT_KEY, PAGE_LABEL_KEY
from mmrerank.ocr.query_words import named_pages
from mmrerank.ocr.reranker import Pages

__all__ = ["pages_of"]

_NAMED, _PRINTED = 0.5, 0.4
"""Added to the score of an entry on a page that the query names, by its number in the file or by
the number printed on it: enough to come before pages that share more words, unless these share
nearly all."""


def pages_of(ledger: Ledger, entries: Sequence[Entry], query: str) -> Pages:
    """The pages of entries. An entry of a file without pages is a page of its own.

    So is one of an attached file, since several files of a mail may have a page of that number.
    """
    words = _words_by_page(ledger, entries)
    named = set(named_pages(query))
    places: dict[tuple[str, int] | int, int] = {}  # by file and page, or by entry
    distinct: list[Sequence[str]] = []
    of_document: list[int] = []
    for entry in entries:
        own = words.get((entry.path, entry.page)) if _has_page(entry) else None
        key = (entry.path, entry.page) if own else entry.number
        if key not in places:
            places[key] = len(distinct)
            distinct.append(own or entry.words.split())
        of_document.append(places[key])
    bonus = [_bonus(entry, named) for entry in entries]
    return Pages(words=distinct, of_document=of_document, bonus=bonus)


def _has_page(entry: Entry) -> bool:
    return bool(entry.page) and ATTACHMENT_KEY not in entry.metadata


def _words_by_page(ledger: Ledger, entries: Sequence[Entry]) -> dict[tuple[str, int], list[str]]:
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if _has_page(entry):
            numbers[entry.path].add(entry.page)
    return {
        (path, page): words
        for path, own in numbers.items()
        for page, words in ledger.words_of_pages(path, sorted(own)).items()
    }


def _bonus(entry: Entry, named: set[str]) -> float:
    if entry.page and str(entry.page) in named:
        return _NAMED
    return _PRINTED if entry.metadata.get(PAGE_LABEL_KEY) in named else 0.0
