"""The stem of a word, so that "quizzes" finds "quiz" and "increased" finds "increasing"."""

from __future__ import annotations

import threading
from functools import lru_cache
from importlib.metadata import version

# The module itself: `snowballstemmer.stemmer` is PyStemmer where that happens to be installed, of a
# version of its own, and an index would then hold stems that another machine does not make.
from snowballstemmer.english_stemmer import EnglishStemmer

__all__ = ["STEMMER", "stem"]

STEMMER = f"snowballstemmer {version('snowballstemmer')}"
"""What makes the stems: another version may make others."""

_stemmer = EnglishStemmer()
_lock = threading.Lock()  # a stemmer keeps the word that it works on


@lru_cache(maxsize=2**16)
def stem(word: str) -> str:
    """The stem of a lower-case word; words with digits or letters beyond a to z are returned as they are.

    English rules for every language in Latin script: nobody says which language a query of three
    words is in, and both sides must be cut alike. What they merge in German, French, Spanish and
    Italian are mostly forms of one word too (benchmarks/results/retrieval.md).
    """
    if not (word.isascii() and word.isalpha()):
        return word
    with _lock:
        stemmed = str(_stemmer.stemWord(word))
    return stemmed[:-1] if stemmed.endswith("zz") else stemmed  # quizzes -> quizz, quiz -> quiz
