"""The lexical route: BM25 over text, captions and words in images, in SQLite's FTS5."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.index.ledger import MAX_VARIABLES, Ledger
from mmrerank.ocr.bm25 import WordStatistics, tokenize
from mmrerank.ocr.query_words import without_answer_format

__all__ = ["LexicalRoute"]

_MAX_POSTINGS = 20_000
"""Places in the index that one query may visit. FTS5 ranks about 1,000 a millisecond, so this keeps
a search of 100,000 entries near 20 ms: the rarest words are searched, the most frequent left out."""

_MAX_COUNTED = 50_000  # words whose counts are kept


class LexicalRoute:
    """Searches the words of a ledger's entries, or those of another `table` of words."""

    def __init__(self, ledger: Ledger, table: str = "lexical") -> None:
        self._ledger, self._table = ledger, table
        self._counts: tuple[int, dict[str, int]] = (-1, {})  # an epoch, and entries by word

    def count(self) -> int:
        """How many entries the table has."""
        content = "entries" if self._table == "lexical" else "captions"
        return int(self._ledger.rows(f"SELECT count(*) FROM {content}")[0][0])  # noqa: S608 - one of two names

    def statistics(self, words: Sequence[str]) -> WordStatistics:
        """How often each of `words` occurs in the whole index."""
        counts = self._counted(list(dict.fromkeys(words)))
        return WordStatistics(self.count(), counts)

    def _counted(self, words: Sequence[str]) -> dict[str, int]:
        """How many entries have each word, without those that none has.

        FTS5 counts by reading all places of a word, which takes longest for those that are in
        most queries: so counts are kept until the index changes.
        """
        epoch = self._ledger.epoch()
        kept_at, kept = self._counts
        if kept_at != epoch or len(kept) > _MAX_COUNTED:
            kept = {}
        new = [word for word in words if word not in kept]
        found: dict[str, int] = {}
        for start in range(0, len(new), MAX_VARIABLES):
            some = new[start : start + MAX_VARIABLES]
            marks = ", ".join("?" * len(some))
            found.update(
                self._ledger.rows(
                    f"SELECT term, doc FROM {self._table}_terms WHERE term IN ({marks})",  # noqa: S608 - a name of ours, and marks
                    some,
                )
            )
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
        if not chosen:
            return []
        match = " OR ".join(f'"{word}"' for word in chosen)  # tokens hold letters and digits only
        rows = self._ledger.rows(
            f"SELECT rowid, -rank FROM {self._table} WHERE {self._table} MATCH ? "  # noqa: S608 - a name of ours
            "ORDER BY rank LIMIT ?",
            (match, k),
        )
        return [(int(number), float(score)) for number, score in rows]


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
