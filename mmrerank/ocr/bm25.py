"""Words of any script, and BM25 over the candidates of one query."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = ["BM25", "tokenize"]

# Scripts written without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and
# Korean, whose particles stick to the word: matched by pairs of characters, as Lucene does.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)

# Vowel signs of Indic scripts are part of a word, though Unicode does not count them as letters.
_RUN = re.compile(rf"([{_UNSPACED}]+)|((?:[^\W_{_UNSPACED}]|[\u0900-\u0dff])+)")

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


def tokenize(text: str, *, stop_words: bool = False) -> list[str]:
    """Lower-case words without accents; pairs of characters in scripts without word spaces.

    A single character of such a script is a token of its own. Stop words are left out unless
    `stop_words` is True; the plural s of a word is dropped.
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c) or c in "\u3099\u309a")
    tokens: list[str] = []
    for match in _RUN.finditer(unicodedata.normalize("NFKC", plain)):
        if run := match[1]:
            tokens += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        elif stop_words or match[2] not in _STOP_WORDS:
            tokens.append(_singular(match[2]))
    return tokens


def _singular(word: str) -> str:
    """Figures -> figure, queries -> query, losses -> loss; class and analysis stay."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


class BM25:
    """BM25 (Robertson and Zaragoza 2009) of texts against one query.

    `query` and `texts` are lists of tokens, as `tokenize` returns them. The idf is
    log(1 + (N - n + 0.5) / (n + 0.5)), as in Lucene, which is positive even for a word that occurs
    in every text. Scores are divided by the highest score that any text could have for the query:
    0 means no word in common, 1 is never reached.
    """

    k1 = 1.2
    b = 0.5

    def __init__(self, query: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
        self._query = Counter(query)
        present = [set(text) & self._query.keys() for text in texts]
        n = len(texts)
        df = Counter(word for words in present for word in words)
        self._idf = {w: math.log(1 + (n - df[w] + 0.5) / (df[w] + 0.5)) for w in self._query}
        self._mean_length = sum(map(len, texts)) / n if n else 0.0
        self._highest = sum(c * self._idf[w] * (self.k1 + 1) for w, c in self._query.items())

    def score(self, text: Sequence[str]) -> float:
        """The score of one text (a list of tokens), between 0 and 1."""
        counts = Counter(word for word in text if word in self._query)
        if not counts or not self._highest:
            return 0.0
        # A heading of three words is not a better answer for being short: texts below the mean
        # length are not rewarded, only longer ones are penalised.
        length = max(1.0, len(text) / self._mean_length)
        norm = self.k1 * (1 - self.b + self.b * length)
        total = sum(
            self._query[w] * self._idf[w] * c * (self.k1 + 1) / (c + norm)
            for w, c in counts.items()
        )
        return total / self._highest
