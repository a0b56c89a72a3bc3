"""HashingEmbedder, the default of the first stage: no model, no key, no download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mmrerank.errors import InvalidInputError
from mmrerank.ocr.bm25 import tokenize
from mmrerank.optional import require
from mmrerank.retrieval.embedder import Embedder, Vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HashingEmbedder"]

_BATCH = 500  # texts; 8 MB of vectors


class HashingEmbedder(Embedder):
    """Turns texts into unit vectors of `dimensions` floats: hashed words and hashed character n-grams.

    Words (pairs of characters in Chinese, Japanese, Korean, ...) capture what a text is about;
    n-grams of 3 to 5 characters match inflected and misspelt words. Deterministic, the same on
    every machine; nothing is learnt, so synonyms do not match. Texts without words share a
    dimension of their own, since some stores refuse the zero vector. Raises `InvalidInputError`
    for fewer than 64 dimensions, `MissingDependencyError` if scikit-learn is not installed.
    """

    def __init__(self, dimensions: int = 1024) -> None:
        if dimensions < 64:
            raise InvalidInputError("dimensions must be at least 64")
        super().__init__(batch_size=_BATCH, cache_bytes=0)  # a cache would be slower
        vectorizer = require("sklearn.feature_extraction.text").HashingVectorizer
        self._dimensions = dimensions
        word_dimensions = (dimensions - 1) // 2  # the last dimension stands for "no words"
        # Without codes, as in the vectors of stores that exist; the n-grams match codes anyway.
        words = partial(tokenize, codes=False)
        self._words = vectorizer(analyzer=words, n_features=word_dimensions, norm=None)
        self._grams = vectorizer(
            analyzer="char_wb",
            ngram_range=(3, 5),
            n_features=dimensions - 1 - word_dimensions,
            norm=None,
        )

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        rows: list[list[float]] = self._vectors(texts).tolist()
        return rows

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np

        halves = [_unit(half.transform(texts)) for half in (self._words, self._grams)]
        vectors = np.zeros((len(texts), self.dimensions))
        vectors[:, :-1] = np.hstack(halves)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors[lengths[:, 0] == 0, -1] = 1.0
        lengths[lengths == 0] = 1.0
        return np.asarray(vectors / lengths)


def _unit(counts: Any) -> NDArray[np.float64]:
    """Rows of length 1, from the square roots of the counts.

    A word that occurs ten times is not ten times as important.
    """
    import numpy as np

    dense = counts.toarray()
    dense = np.sign(dense) * np.sqrt(np.abs(dense))
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    lengths[lengths == 0] = 1.0
    return np.asarray(dense / lengths)
