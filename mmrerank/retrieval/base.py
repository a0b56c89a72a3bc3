"""The protocol of embedders, which turn texts into vectors for the first stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["TextEmbedder", "default_embedder"]


class TextEmbedder(Protocol):
    """Turns texts and queries into vectors of one length."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""


def default_embedder() -> TextEmbedder:
    """The default embedder, which needs no model, no key and no download.

    Raises `MissingDependencyError` if the extra `chroma` is not installed.
    """
    from mmrerank.retrieval.hashing import HashingEmbedder

    return HashingEmbedder()
