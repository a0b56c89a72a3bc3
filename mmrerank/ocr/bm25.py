"""Words of any script, and BM25 over the candidates of one query."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["BM25", "TOKENIZER", "WordStatistics", "locate_tokens", "tokenize"]

Token = tuple[str, int, int]
"""A token, and where it begins and ends."""

# Scripts written without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and
# Korean, whose particles stick to the word: matched by pairs of characters, as Lucene does.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)

# Vowel signs of Indic scripts are part of a word, though Unicode does not count them as letters.
_RUN = re.compile(rf"([{_UNSPACED}]+)|((?:[^\W_{_UNSPACED}]|[\u0900-\u0dff])+)")

# What may be a number of a part, a drawing or a standard: "4471-C", "EN 10204/3.1b", "COVID-19".
# Possessive, and begun only where a run begins: a run of 100,000 letters is looked at once.
_PIECE = rf"[^\W_{_UNSPACED}]++"
_CODE = re.compile(rf"(?<![^\W_{_UNSPACED}]){_PIECE}(?:[-\u2010\u2013/._]{_PIECE}){{1,5}}")

# Words without meaning of their own: among few candidates their idf alone does not show it.
# Those of other languages are listed only if they do not spell an English content word ("die").
_STOP_WORDS = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in "
    "into is it its many me much my no not of on or our shall she should so such than that the "
    "their them then there these they this those to was we were what when where which who whom "
    "whose why will with would you your "
    "auf aus das dass dem der des ein eine einem einen einer im ist nicht oder sich "
    "sind und vom von welche welchem welchen welcher welches werden wie wird zu zum zur "
    "au aux avec ce cette dans du elle est et les le la ou quel quelle quels que qui sont un une "
    "al como cual de del el en es esta las los para por se una y che di gli il nel".split()
)


TOKENIZER = "3"
"""Raised when the same text gives other tokens than before; an index remembers it."""


def tokenize(text: str, *, stop_words: bool = False, codes: bool = True) -> list[str]:
    """Lower-case words without accents; pairs of characters in scripts without word spaces.

    A single character of such a script is a token of its own. Stop words are left out unless
    `stop_words` is True; the plural s of a word is dropped. The codes in the text, such as 4471-C,
    follow as tokens of their own ("4471c"), since their parts occur in many others; not so with
    `codes=False`.
    """
    plain = _folded(text)
    tokens: list[str] = []
    for match in _RUN.finditer(plain):
        if run := match[1]:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        elif stop_words or match[2] not in _STOP_WORDS:
            tokens.append(_singular(match[2]))
    return tokens + [code for code, _, _ in _codes(plain)] if codes else tokens


def _folded(text: str) -> str:
    """The text in lower case, without accents, in the letters of today."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c) or c in "\u3099\u309a")
    return unicodedata.normalize("NFKC", plain)


def _tokens(plain: str, stop_words: bool) -> Iterator[Token]:
    """The tokens of a folded text, and where each begins and ends in it.

    `tokenize` does the same without the places, in three quarters of the time.
    """
    for match in _RUN.finditer(plain):
        start, end = match.span()
        if match[1]:
            for i in range(start, max(end - 1, start + 1)):
                yield plain[i : min(i + 2, end)], i, min(i + 2, end)
        elif stop_words or match[2] not in _STOP_WORDS:
            yield _singular(match[2]), start, end
    yield from _codes(plain)


def _codes(text: str) -> Iterator[Token]:
    """The codes in a text, in one piece: letters and digits that are joined by signs."""
    for match in _CODE.finditer(text):
        piece = re.sub(r"[\W_]", "", match[0])
        if any(map(str.isdigit, piece)) and any(map(str.isalpha, piece)):
            yield piece, *match.span()


def locate_tokens(text: str, *, stop_words: bool = False) -> list[Token]:
    """The tokens of `tokenize`, and where each begins and ends in the text, in characters."""
    starts: list[int] = []  # of each character of the folded text, the one that it comes from
    folded, cluster, begin = "", "", 0
    for i, letter in enumerate(f"{text} "):  # the space closes the last cluster
        alone = _folded(letter)
        if alone and _folded(cluster + letter) == _folded(cluster) + alone:
            starts += [begin] * len(_folded(cluster))
            folded += _folded(cluster)
            cluster, begin = "", i
        cluster += letter  # with what changes it, such as accents
    if folded != (whole := _folded(text)):  # letters that change over a distance: the place is lost
        return [(token, 0, len(text)) for token, _, _ in _tokens(whole, stop_words)]
    ends = [*starts[1:], len(text)]
    for i in reversed(range(len(starts) - 1)):
        ends[i] = ends[i + 1] if starts[i] == starts[i + 1] else starts[i + 1]
    return [
        (token, starts[start], ends[end - 1]) for token, start, end in _tokens(folded, stop_words)
    ]


def _singular(word: str) -> str:
    """Figures -> figure, queries -> query, losses -> loss, quizzes -> quiz; class and analysis stay.

    The plural alone, as Harman's S stemmer (1991): a stemmer that merges "regulator", "regulate"
    and "regular" finds less (benchmarks/results/retrieval.md).
    """
    if word.endswith("zz"):
        return word[:-1]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("zzes"):
        return word[:-3]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")) or (word.endswith("oes") and len(word) > 5):
        return word[:-2]
    return word[:-1]


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """How often words occur in a collection: `texts` in all, and how many contain each word.

    `frequency` need not have all words; those it lacks occur in no text.
    """

    texts: int
    frequency: Mapping[str, int]

    def idf(self, word: str) -> float:
        """log(1 + (N - n + 0.5) / (n + 0.5)), as in Lucene: positive even for every text's words."""
        n = min(self.frequency.get(word, 0), self.texts)
        return math.log(1 + (self.texts - n + 0.5) / (n + 0.5))

    @classmethod
    def of(cls, words: Iterable[str], texts: Sequence[Sequence[str]]) -> WordStatistics:
        """The statistics of `words` in `texts`, which are lists of tokens."""
        wanted = set(words)
        frequency = Counter(word for text in texts for word in wanted & set(text))
        return cls(len(texts), frequency)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> WordStatistics:
        """The statistics of all words in `texts`, such as those of all chunks in a vector store."""
        frequency: Counter[str] = Counter()
        count = 0
        for text in texts:
            frequency.update(set(tokenize(text)))
            count += 1
        return cls(count, frequency)


class BM25:
    """BM25 (Robertson and Zaragoza 2009) of texts against one query, with pairs of adjacent words.

    `query` and `texts` are lists of tokens, as `tokenize` returns them. `statistics` are those of
    the collection that the texts come from: among the candidates of a search, the words of the
    query are common, however rare they are elsewhere. Without them, the texts are taken for what a
    search found in a collection of `collection` times their number.
    Two words that are neighbours in the query count once more where they are neighbours in a text.
    Scores are divided by the highest score that any text could have for the query: 0 means no word
    in common, 1 is never reached.
    """

    k1 = 1.2
    b = 0.5
    collection = 4
    pair_weight = 0.6
    """How much a pair counts, times the mean idf of its words."""

    def __init__(
        self,
        query: Sequence[str],
        texts: Sequence[Sequence[str]],
        statistics: WordStatistics | None = None,
    ) -> None:
        words = Counter(query)
        if statistics is None:
            among = WordStatistics.of(words, texts)
            statistics = WordStatistics(self.collection * len(texts), among.frequency)
        idf = {word: statistics.idf(word) for word in words}
        self._words = set(words)
        self._weights: dict[str | tuple[str, str], float] = {
            w: c * idf[w] for w, c in words.items()
        }
        for pair in set(pairwise(query)):
            self._weights[pair] = self.pair_weight * (idf[pair[0]] + idf[pair[1]]) / 2
        self._mean_length = sum(map(len, texts)) / len(texts) if texts else 0.0
        self._highest = sum(self._weights.values()) * (self.k1 + 1)

    def score(self, text: Sequence[str]) -> float:
        """The score of one text (a list of tokens), between 0 and 1."""
        return sum(self._gains(text).values()) / (self._highest or 1.0)

    def contributions(self, text: Sequence[str]) -> dict[str | tuple[str, str], float]:
        """What each word and each pair of neighbours adds to the score of a text: its summands."""
        return {word: gain / self._highest for word, gain in self._gains(text).items()}

    def _gains(self, text: Sequence[str]) -> dict[str | tuple[str, str], float]:
        counts: Counter[str | tuple[str, str]] = Counter(w for w in text if w in self._words)
        if not counts or not self._highest:
            return {}
        counts.update(pair for pair in pairwise(text) if pair in self._weights)
        # A heading of three words is not a better answer for being short: texts below the mean
        # length are not rewarded, only longer ones are penalised.
        length = max(1.0, len(text) / self._mean_length)
        norm = self.k1 * (1 - self.b + self.b * length)
        return {w: self._weights[w] * c * (self.k1 + 1) / (c + norm) for w, c in counts.items()}
