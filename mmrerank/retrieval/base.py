"""The protocol of embedders, which turn texts into vectors for the first stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

from mmrerank.errors import RerankError, StoreError

__all__ = ["TextEmbedder", "default_embedder", "embedded_documents", "embedded_query"]


class TextEmbedder(Protocol):
    """Turns texts and queries into vectors of one length."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""


def embedded_documents(embedder: TextEmbedder, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """One vector per text, checked. Raises `StoreError` for what cannot be stored and compared."""
    return _checked(lambda: embedder.embed_documents(texts), len(texts))


def embedded_query(embedder: TextEmbedder, text: str) -> Sequence[float]:
    """The vector of a query, checked. Raises `StoreError` as `embedded_documents`."""
    (vector,) = _checked(lambda: [embedder.embed_query(text)], 1)
    return vector


def _checked(
    embed: Callable[[], Sequence[Sequence[float]]], count: int
) -> Sequence[Sequence[float]]:
    """Embedders may be the user's own: they may raise anything, and return anything."""
    try:
        vectors = embed()
        lengths = {len(vector) for vector in vectors}
        # A sum is finite only if all its numbers are: one call for each vector.
        is_finite = all(math.isfinite(sum(vector)) for vector in vectors)
    except RerankError:
        raise
    except Exception as error:
        raise StoreError(f"the embedder failed: {type(error).__name__}: {error}") from error
    if len(vectors) != count:
        raise StoreError(f"the embedder made {len(vectors)} vectors of {count} texts")
    if len(lengths) > 1 or 0 in lengths:
        shown = " and ".join(map(str, sorted(lengths)))
        raise StoreError(f"the embedder made vectors of {shown} dimensions")
    if not is_finite:
        raise StoreError("the embedder made a vector with a number that is not finite")
    return vectors


def default_embedder() -> TextEmbedder:
    """The default embedder, which needs no model, no key and no download.

    Raises `MissingDependencyError` if the extra `chroma` is not installed.
    """
    from mmrerank.retrieval.hashing import HashingEmbedder

    return HashingEmbedder()
