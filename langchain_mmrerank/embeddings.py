"""The core's embedders as LangChain Embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from langchain_core.embeddings import Embeddings

from mmrerank.adapter_images import ImageSource, check_image_embedder
from mmrerank.images.resolve import ImageRoot
from mmrerank.retrieval.base import TextEmbedder, default_embedder
from mmrerank.retrieval.embedder import Embedder

__all__ = ["MultimodalEmbeddings", "TextEmbeddings"]


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

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As `embed_documents`, without blocking the event loop."""
        if not isinstance(self.embedder, Embedder):
            return await super().aembed_documents(texts)
        return [list(vector) for vector in await self.embedder.aembed_documents(texts)]

    async def aembed_query(self, text: str) -> list[float]:
        """As `embed_query`, without blocking the event loop."""
        if not isinstance(self.embedder, Embedder):
            return await super().aembed_query(text)
        return list(await self.embedder.aembed_query(text))


class MultimodalEmbeddings(TextEmbeddings):
    """An embedder of texts and images, with `embed_image` as other multimodal embeddings have it.

    ::

        embeddings = MultimodalEmbeddings(SiglipEmbedder(), image_root="images")
        embeddings.embed_image(["figure.png"])

    Paths are relative to `image_root` or absolute below it; nothing else is opened. `path_map` is
    `{old: new}` for folders that have moved. URLs are refused unless `urls="fetch"`. The constructor
    raises `UnsupportedModalityError` for an embedder of texts only.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        image_root: ImageRoot | None = None,
        path_map: Mapping[str, str] | None = None,
        urls: Literal["refuse", "fetch"] = "refuse",
    ) -> None:
        self.image_embedder = check_image_embedder(embedder)
        super().__init__(self.image_embedder)
        self._source = ImageSource(image_root, path_map, urls)

    def embed_image(self, uris: list[str]) -> list[list[float]]:
        """One vector for each image, in order: a path, or a `file://`, `data:` or http(s) URI.

        Raises `ImageError` for one that cannot be used, and what the embedder raises.
        """
        vectors = self.image_embedder.embed_images(self._source.images(uris))
        return [list(vector) for vector in vectors]

    async def aembed_image(self, uris: list[str]) -> list[list[float]]:
        """As `embed_image`, without blocking the event loop."""
        images = await asyncio.to_thread(self._source.images, uris)
        return [list(vector) for vector in await self.image_embedder.aembed_images(images)]
