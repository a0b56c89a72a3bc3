"""Where the words of a query stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mmrerank.ocr.bm25 import tokenize

__all__ = ["matched_spans"]

_WORD = re.compile(r"[\w\u0900-\u0dff]+")  # vowel signs of Indic scripts belong to a word

_JOINERS = frozenset(" -\u2010\u2013./_\t\n")


def matched_spans(text: str, query: str) -> list[tuple[int, int]]:
    """The parts of a text (start and end) that have words of the query, as `tokenize` reads both.

    Words side by side are one part. In scripts without word spaces, pairs of characters match.
    """
    wanted = set(tokenize(query)) or set(tokenize(query, stop_words=True))
    spans: list[tuple[int, int]] = []
    for start, end in _matches(text, wanted):
        between = text[spans[-1][1] : start] if spans else None
        if between is not None and (start <= spans[-1][1] or between in _JOINERS):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _matches(text: str, wanted: set[str]) -> Iterator[tuple[int, int]]:
    for match in _WORD.finditer(text):
        word, start = match[0], match.start()
        tokens = tokenize(word, stop_words=True, codes=False)
        if wanted.isdisjoint(tokens):
            continue
        if len(tokens) == 1:
            yield match.span()
            continue
        for i in range(len(word)):  # a run of a script without spaces: which pairs match
            pair = word[i : i + 2]
            if not wanted.isdisjoint(tokenize(pair, stop_words=True, codes=False)):
                yield start + i, start + i + len(pair)
