"""The core's embedders as LangChain Embeddings."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from mmrerank.retrieval.base import TextEmbedder, default_embedder

__all__ = ["TextEmbeddings"]


class TextEmbeddings(Embeddings):
    """Any embedder of the core; by default `HashingEmbedder`, which needs no model and no key."""

    def __init__(self, embedder: TextEmbedder | None = None) -> None:
        self.embedder = embedder if embedder is not None else default_embedder()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in order."""
        return [list(vector) for vector in self.embedder.embed_documents(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query."""
        return list(self.embedder.embed_query(text))
