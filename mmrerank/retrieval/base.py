"""The protocol of embedders, which turn texts into vectors for the first stage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from mmrerank.errors import StoreError

__all__ = ["TextEmbedder", "checked_vectors", "default_embedder"]


class TextEmbedder(Protocol):
    """Turns texts and queries into vectors of one length."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""


def checked_vectors(vectors: Sequence[Sequence[float]], count: int) -> Sequence[Sequence[float]]:
    """The vectors of an embedder, if they can be stored and compared.

    Raises `StoreError` unless there are `count` of them, of one length and finite.
    """
    lengths = {len(vector) for vector in vectors}
    if len(vectors) != count:
        raise StoreError(f"the embedder made {len(vectors)} vectors of {count} texts")
    if len(lengths) > 1 or 0 in lengths:
        shown = " and ".join(map(str, sorted(lengths)))
        raise StoreError(f"the embedder made vectors of {shown} dimensions")
    # A sum is finite only if all its numbers are: one call of C for each vector.
    if not all(math.isfinite(sum(vector)) for vector in vectors):
        raise StoreError("the embedder made a vector with a number that is not finite")
    return vectors


def default_embedder() -> TextEmbedder:
    """The default embedder, which needs no model, no key and no download.

    Raises `MissingDependencyError` if the extra `chroma` is not installed.
    """
    from mmrerank.retrieval.hashing import HashingEmbedder

    return HashingEmbedder()
