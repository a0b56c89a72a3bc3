"""What an embedder of the first stage is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["TextEmbedder", "default_embedder"]


class TextEmbedder(Protocol):
    """Texts and queries to vectors of one length."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order."""

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""


def default_embedder() -> TextEmbedder:
    """The embedded default: no model, no key, no download."""
    from mmrerank.retrieval.hashing import HashingEmbedder

    return HashingEmbedder()
