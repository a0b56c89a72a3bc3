"""Embedder: what every embedder promises, and what all of them share.

An embedder turns texts, images and queries into vectors that can be compared. A subclass says how
one batch is embedded; order, duplicates, batches, the cache, unit length and checks are here.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from types import TracebackType
from typing import ClassVar, Literal, Self, TypeAlias

from mmrerank.base import check_query
from mmrerank.errors import (
    InvalidInputError,
    InvalidResponseError,
    RerankError,
    UnsupportedModalityError,
)
from mmrerank.progress import progress_bar
from mmrerank.retrieval.embedding_calls import (
    Steps,
    Vector,
    adrive,
    drive,
    key_of,
    list_of,
    read_image,
    unit_vectors,
    windows,
)
from mmrerank.retrieval.vector_cache import VectorCache
from mmrerank.types import Content, Image

__all__ = ["CACHE_BYTES", "Embedder", "Modality", "Vector"]

Modality: TypeAlias = Literal["text", "image", "text_and_image"]
"""What one vector may stand for: a text, an image, or a text with images and several images."""

CACHE_BYTES = 64 * 2**20
"""How much the cache of an embedder holds: 15,000 vectors of 1,024 numbers."""


class Embedder(ABC):
    """Turns texts, images and queries into vectors of length 1 and of one number of dimensions.

    A subclass implements `_embed_texts`, and `_embed_images` and `_embed_query` if there is more to
    them; each is called with at most `batch_size` items. One that waits for a service implements
    `_aembed_texts`, `_aembed_images` and `_aembed_query` too; otherwise these run in a thread. Local
    models take a lock themselves: nothing here keeps two threads from calling at the same time.

    `modalities` is what it embeds. `name` is the class and the model. Equal items of a call are
    embedded once; vectors of items seen before come from a cache in memory of `cache_bytes` (0: no
    cache), whose keys are hashes of texts and of image files. A vector of zeros stays one.

    Raises `InvalidInputError` for an option that cannot be used.
    """

    model: str = ""
    modalities: frozenset[Modality] = frozenset({"text"})
    blank_text: ClassVar[str] = ""
    """What is embedded in place of a text without words, where a model or service takes none."""
    several_vectors: ClassVar[bool] = False
    """True for models of late interaction, which make a vector for each token. Such a class
    overrides `vectors_of`; what its `embed_...` methods return is one vector an item all the same,
    such as the mean, for stores that keep only one."""

    def __init__(
        self,
        *,
        batch_size: int = 16,
        cache_bytes: int = CACHE_BYTES,
        show_progress: bool = False,
    ) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise InvalidInputError(f"batch_size is a positive integer, not {batch_size!r}")
        self.batch_size = batch_size
        self.show_progress = show_progress
        self._cache = VectorCache(cache_bytes)
        self._dimensions: int | None = None

    @property
    def name(self) -> str:
        """The class, and the model if it has one: `SiglipEmbedder:google/siglip-base-patch16-224`."""
        return f"{type(self).__name__}:{self.model}" if self.model else type(self).__name__

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has. Embeds a text if that is not known yet; raises as it."""
        if self._dimensions is None:
            self.embed_texts(["dimensions"])
        assert self._dimensions is not None, "an embedded text has dimensions"
        return self._dimensions

    @abstractmethod
    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector for each of `texts` (1 to `batch_size`), in order, of any length."""

    def _embed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        """As `_embed_texts`, for images, whose files were read: `Image.data` has their bytes.

        Raises `ImageError` for one that cannot be decoded (`mmrerank.images.decode.open_image`).
        """
        raise NotImplementedError(f"{type(self).__name__} says that it embeds images")

    def _embed_query(self, query: Content) -> Vector:
        """The vector of a query that `modalities` allow; its text, if it has one, is not blank.

        Here, a query is embedded as a document would be.
        """
        if query.images:
            return self._embed_images(query.images)[0]
        return self._embed_texts([query.text or ""])[0]

    async def _aembed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await asyncio.to_thread(self._embed_texts, texts)

    async def _aembed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        return await asyncio.to_thread(self._embed_images, images)

    async def _aembed_query(self, query: Content) -> Vector:
        return await asyncio.to_thread(self._embed_query, query)

    def embed_texts(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text, in order, also for one without words; [] for no texts.

        Raises `InvalidInputError` for what is not a list of str, `UnsupportedModalityError` where
        the model reads no text, `InvalidResponseError` for vectors that cannot be used, and what
        the model or service raises.
        """
        return drive(self._text_steps(texts), self._embed_texts)

    def embed_images(self, images: Sequence[Image]) -> list[Vector]:
        """One vector for each image, in order; of an animation, of its first frame.

        Raises as `embed_texts` does, and `ImageError` that names an image which cannot be read. What
        was embedded before it stays in the cache.
        """
        return drive(self._image_steps(images), self._embed_images)

    def embed_query(self, query: str | Content) -> Vector:
        """The vector of a query: a text, an image, or both where the model can.

        Raises as `embed_images` does, and `InvalidInputError` for an empty query.
        """
        return drive(self._query_steps(query), lambda content: [self._embed_query(content)])[0]

    def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """`embed_texts`, by the name that LangChain's `Embeddings` have for it."""
        return self.embed_texts(texts)

    async def aembed_texts(self, texts: Sequence[str]) -> list[Vector]:
        """As `embed_texts`, without blocking the event loop. Raises the same errors."""
        return await adrive(self._text_steps(texts), self._aembed_texts)

    async def aembed_images(self, images: Sequence[Image]) -> list[Vector]:
        """As `embed_images`, without blocking the event loop. Raises the same errors."""
        return await adrive(self._image_steps(images), self._aembed_images)

    async def aembed_query(self, query: str | Content) -> Vector:
        """As `embed_query`, without blocking the event loop. Raises the same errors."""

        async def embed(content: Content) -> Sequence[Vector]:
            return [await self._aembed_query(content)]

        return (await adrive(self._query_steps(query), embed))[0]

    async def aembed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """`aembed_texts`, by the name that LangChain's `Embeddings` have for it."""
        return await self.aembed_texts(texts)

    def vectors_of(self, items: Sequence[str | Image]) -> list[list[Vector]]:
        """All vectors of each item (a text or an image), in order: here one. See `several_vectors`.

        Raises as `embed_texts` and `embed_images` do.
        """
        texts = iter(self.embed_texts([item for item in items if isinstance(item, str)]))
        images = iter(self.embed_images([item for item in items if isinstance(item, Image)]))
        return [[next(texts if isinstance(item, str) else images)] for item in items]

    def close(self) -> None:
        """Release devices, connections and memory. Safe to call twice."""
        self._cache.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def _text_steps(self, texts: Sequence[str]) -> Steps[list[str]]:
        given = list_of(texts, str, "texts")
        if given:
            self._check_modality("text", "texts")
        prepared = [self._prepared(text) for text in given]
        keys = [key_of("text", text.encode()) for text in prepared]
        found = self._cache.known(keys)
        new = {key: text for key, text in zip(keys, prepared, strict=True) if key not in found}
        by_length = sorted(new.items(), key=lambda item: len(item[1]))  # so that little is padding
        with progress_bar(self.show_progress, len(new), "embed texts") as step:
            for start in range(0, len(by_length), self.batch_size):
                batch = by_length[start : start + self.batch_size]
                vectors = yield [text for _, text in batch]
                found |= self._kept([key for key, _ in batch], vectors, "texts")
                if step is not None:
                    step(len(batch))
        return [found[key].tolist() for key in keys]

    def _image_steps(self, images: Sequence[Image]) -> Steps[list[Image]]:
        given = list_of(images, Image, "images")
        if given:
            self._check_modality("image", "images")
        keys: list[str] = []
        found: dict[str, array[float]] = {}
        with progress_bar(self.show_progress, len(given), "embed images") as step:
            for window in windows(map(read_image, given), self.batch_size):
                own = [key_of("image", image.data or b"") for image in window]
                keys += own
                found |= self._cache.known(own)
                pairs = zip(own, window, strict=True)
                new = {key: image for key, image in pairs if key not in found}
                if new:
                    vectors = yield list(new.values())
                    found |= self._kept(list(new), vectors, "images")
                if step is not None:
                    step(len(window))
        return [found[key].tolist() for key in keys]

    def _query_steps(self, query: str | Content) -> Steps[Content]:
        content = self._checked_query(query)
        hashes = [key_of("image", image.data or b"").encode() for image in content.images]
        key = key_of("query", *hashes, (content.text or "").encode())
        found = self._cache.known([key])
        if not found:
            vectors = yield content
            found = self._kept([key], vectors, "queries")
        return [found[key].tolist()]

    def _checked_query(self, query: str | Content) -> Content:
        """The query as it is embedded: images read, and no text that is blank."""
        content = check_query(query)
        text = content.text if (content.text or "").strip() else None
        if len(content.images) + (text is not None) > 1:
            self._check_modality("text_and_image", "a text with an image, or several images,")
        else:
            self._check_modality("image" if content.images else "text", "such a query")
        return Content(
            text and self._prepared(text), [read_image(image) for image in content.images]
        )

    def _check_modality(self, modality: Modality, what: str) -> None:
        if modality not in self.modalities:
            can = " and ".join(sorted(self.modalities & {"text", "image"}, reverse=True))
            raise UnsupportedModalityError(
                f"{self.name} cannot embed {what} as one; it embeds {can}"
                if modality == "text_and_image"
                else f"{self.name} cannot embed {what}: it embeds only {can}"
            )

    def _prepared(self, text: str) -> str:
        """A text that every tokenizer and service takes: half a surrogate pair becomes `?`."""
        if not text.strip():
            return self.blank_text
        return text.encode("utf-8", "replace").decode()

    def _kept(
        self, keys: Sequence[str], vectors: Sequence[Vector], what: str
    ) -> dict[str, array[float]]:
        """Vectors by key, checked, of length 1 and cached. Raises `InvalidResponseError`."""
        made = unit_vectors(vectors, len(keys), what, self._dimensions, self._unusable)
        self._dimensions = len(made[0])
        found = dict(zip(keys, made, strict=True))
        self._cache.keep(found)
        return found

    def _unusable(self, what: str) -> RerankError:
        """The error for vectors that cannot be used."""
        return InvalidResponseError(f"{self.name} made {what}")
