"""The core's embedders as LlamaIndex embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.schema import ImageType
from pydantic import PrivateAttr

from mmrerank.adapter_images import ImageSource, check_image_embedder
from mmrerank.images.resolve import ImageRoot
from mmrerank.retrieval.base import TextEmbedder, default_embedder
from mmrerank.retrieval.embedder import Embedder

__all__ = ["MultimodalEmbedding", "TextEmbedding"]


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
        if isinstance(self._embedder, Embedder):
            return list(await self._embedder.aembed_query(query))
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [list(vector) for vector in self._embedder.embed_documents(texts)]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        if isinstance(self._embedder, Embedder):
            return [list(vector) for vector in await self._embedder.aembed_documents(texts)]
        return await asyncio.to_thread(self._get_text_embeddings, texts)


class MultimodalEmbedding(TextEmbedding, MultiModalEmbedding):
    """An embedder of texts and images, for `MultiModalVectorStoreIndex` and what else takes one.

    ::

        MultimodalEmbedding(SiglipEmbedder(), image_root="images").get_image_embedding("figure.png")

    Paths are relative to `image_root` or absolute below it; nothing else is opened. `path_map` is
    `{old: new}` for folders that have moved. URLs are refused unless `urls="fetch"`. Other `options`
    are those of `BaseEmbedding`. The constructor raises `UnsupportedModalityError` for an embedder
    of texts only; embedding raises `ImageError` for an image that cannot be used.
    """

    _images: Embedder = PrivateAttr()
    _source: ImageSource = PrivateAttr()

    def __init__(
        self,
        embedder: Embedder,
        *,
        image_root: ImageRoot | None = None,
        path_map: Mapping[str, str] | None = None,
        urls: Literal["refuse", "fetch"] = "refuse",
        **options: Any,
    ) -> None:
        used = check_image_embedder(embedder)
        source = ImageSource(image_root, path_map, urls)
        super().__init__(used, **options)
        self._images, self._source = used, source

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "MultimodalEmbedding"

    def _get_image_embedding(self, img_file_path: ImageType) -> list[float]:
        return self._get_image_embeddings([img_file_path])[0]

    async def _aget_image_embedding(self, img_file_path: ImageType) -> list[float]:
        return (await self._aget_image_embeddings([img_file_path]))[0]

    def _get_image_embeddings(self, img_file_paths: list[ImageType]) -> list[list[float]]:
        vectors = self._images.embed_images(self._source.images(img_file_paths))
        return [list(vector) for vector in vectors]

    async def _aget_image_embeddings(self, img_file_paths: list[ImageType]) -> list[list[float]]:
        images = await asyncio.to_thread(self._source.images, img_file_paths)
        return [list(vector) for vector in await self._images.aembed_images(images)]
