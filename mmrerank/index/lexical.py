"""The lexical route: BM25 over text, captions and words in images, where the ledger keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.index.ledger import Ledger, WordsOf
from mmrerank.ocr.bm25 import WordStatistics, tokenize
from mmrerank.ocr.query_words import without_answer_format

__all__ = ["LexicalRoute"]

_MAX_POSTINGS = 20_000
"""Places in the index that one query may visit. FTS5 ranks about 1,000 a millisecond, so this keeps
a search of 100,000 entries near 20 ms: the rarest words are searched, the most frequent left out."""

_MAX_COUNTED = 50_000  # words whose counts are kept


class LexicalRoute:
    """Searches the words of a ledger's entries, or those `of` its captions."""

    def __init__(self, ledger: Ledger, of: WordsOf = "entries") -> None:
        self._ledger, self._of = ledger, of
        self._counts: tuple[int, dict[str, int]] = (-1, {})  # an epoch, and entries by word

    def count(self) -> int:
        """How many entries, or captions, there are."""
        return self._ledger.count(self._of)

    def statistics(self, words: Sequence[str]) -> WordStatistics:
        """How often each of `words` occurs in the whole index."""
        counts = self._counted(list(dict.fromkeys(words)))
        return WordStatistics(self.count(), counts)

    def _counted(self, words: Sequence[str]) -> dict[str, int]:
        """How many entries have each word, without those that none has.

        Counting takes longest for words that are in most queries: so counts are kept until the
        index changes.
        """
        epoch = self._ledger.epoch()
        kept_at, kept = self._counts
        if kept_at != epoch or len(kept) > _MAX_COUNTED:
            kept = {}
        new = [word for word in words if word not in kept]
        found = self._ledger.word_counts(self._of, new)
        counts = kept | {word: found.get(word, 0) for word in new}
        self._counts = epoch, counts
        return {word: counts[word] for word in words if counts[word]}

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The numbers of the best `k` entries with their BM25 scores, best first.

        [] where no word of the query is in the index. Words about the format of the answer are left
        out; a query of nothing but stop words searches for these.
        """
        query = without_answer_format(query)
        words = tokenize(query) or tokenize(query, stop_words=True)
        chosen = _rarest(self.statistics(words))
        return self._ledger.matching(self._of, chosen, k) if chosen else []


def _rarest(statistics: WordStatistics) -> list[str]:
    """The words of a query from the rarest on, as long as they fit `_MAX_POSTINGS`."""
    chosen: list[str] = []
    postings = 0
    for word, count in sorted(statistics.frequency.items(), key=lambda item: item[1]):
        postings += count
        if chosen and postings > _MAX_POSTINGS:
            break
        chosen.append(word)
    return chosen
