"""The core's embedders as a LlamaIndex embedding."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from mmrerank.retrieval.base import TextEmbedder, default_embedder

__all__ = ["TextEmbedding"]


class TextEmbedding(BaseEmbedding):
    """Any embedder of the core; by default `HashingEmbedder`, which needs no model and no key."""

    _embedder: TextEmbedder = PrivateAttr()

    def __init__(self, embedder: TextEmbedder | None = None, **options: Any) -> None:
        used = embedder if embedder is not None else default_embedder()
        super().__init__(**{"model_name": type(used).__name__, **options})
        self._embedder = used

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "TextEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return list(self._embedder.embed_query(query))

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [list(vector) for vector in self._embedder.embed_documents(texts)]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)
