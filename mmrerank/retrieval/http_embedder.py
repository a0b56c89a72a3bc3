"""HTTPEmbedder: the flow that embedding services share; the same as that of rerank services.

Encode, send with retries within the limits, put the vectors into order. A service adds how an item
(`_item`) and a request (`_body`) are written, and its limits. Nothing in this file waits: see
`mmrerank.http.drive`.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, Unpack

from mmrerank.errors import InvalidInputError
from mmrerank.http.bounds import Bounds
from mmrerank.http.call import UsageCounter
from mmrerank.http.connection import Connection
from mmrerank.http.drive import drive, drive_async
from mmrerank.http.embedding_answers import check_dimensions, check_model, read_embeddings
from mmrerank.http.encoding import (
    check_images_deadline,
    encode_as_data_uri,
    images_until,
    take_within_bytes,
)
from mmrerank.http.limits import (
    Limits,
    estimate_tokens,
    limits_per_worker,
    split_into_batches,
)
from mmrerank.http.options import DEFAULTS, ConnectionOptions, check_options
from mmrerank.http.responses import (
    ErrorFacts,
    IndexedScores,
    decode_answer,
    read_error,
    values_by_index,
)
from mmrerank.http.retrying import Sender
from mmrerank.http.wire import BatchSteps
from mmrerank.options import Configurable
from mmrerank.retrieval.embedder import CACHE_BYTES, Embedder, Vector
from mmrerank.types import Content, Image

__all__ = ["EmbedderOptions", "HTTPEmbedder"]

_NO_QUERY = Content("")


class EmbedderOptions(ConnectionOptions, total=False):
    """Keywords of every `HTTPEmbedder`. `deadline` counts for `batch_size` items."""

    dimensions: int | None
    """How many numbers a vector shall have, for models that were trained for fewer than all of
    theirs; None for all."""

    check_model: bool
    """Refuse an answer that names another model than `model`."""

    batch_size: int
    """How many items are in memory and on their way at once; requests take as many as they can."""

    cache_bytes: int
    """How much the cache of vectors holds; 0 for no cache."""

    show_progress: bool
    """Show a progress bar on standard error or in a notebook."""


@dataclass(frozen=True, slots=True)
class _Call:
    """The end of one call, a time of `time.monotonic`, and its counts."""

    deadline: float
    counter: UsageCounter = field(default_factory=UsageCounter)


class HTTPEmbedder(Configurable, Embedder):
    """A service that embeds.

    `model` is the service's name for the model, `base_url` the service's address without the
    API's path; None reads the environment's variable `url_name`, or else is `default_url`. All
    other keywords are described in `EmbedderOptions`.

    Raises as `HTTPReranker` does: `InvalidInputError` for options that cannot be used, `TypeError`
    for unknown ones, `AuthenticationError` where a key is needed and there is none; while
    embedding, subclasses of `APIError` for failures of the service, `ImageError` for images.
    """

    options: ClassVar[type] = EmbedderOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        **DEFAULTS,
        "dimensions": None,
        "check_model": True,
        "batch_size": 256,
        "cache_bytes": CACHE_BYTES,
        "show_progress": False,
    }
    blank_text = "."  # services refuse a text without words
    key_names: ClassVar[tuple[str, ...]] = ()
    """Environment variables that may contain the key, in the order in which they are read."""
    needs_key: ClassVar[bool] = False
    url_name: ClassVar[str]
    default_url: ClassVar[str]
    limits: Limits = Limits(documents=128, images=8)
    max_pixels: int = 602_112
    tokens_per_image: int = 768

    def __init__(
        self, model: str, *, base_url: str | None = None, **options: Unpack[EmbedderOptions]
    ) -> None:
        given: EmbedderOptions = self.complete_options(options)
        check_options(given)
        if not isinstance(model, str) or not model.strip():
            raise InvalidInputError(f"model must be a name, not {model!r:.80}")
        check_dimensions(given["dimensions"])
        super().__init__(
            batch_size=given["batch_size"],
            cache_bytes=given["cache_bytes"],
            show_progress=given["show_progress"],
        )
        self.model = model
        self._dimensions = self._wanted = given["dimensions"]
        self._check_model = given["check_model"]
        self.deadline, self.max_retries = given["deadline"], given["max_retries"]
        self.max_concurrency = given["max_concurrency"]
        self.max_pixels = given["max_pixels"] or self.max_pixels
        address = base_url or os.environ.get(self.url_name) or self.default_url
        required_by = type(self).__name__ if self.needs_key else None
        self._connection = Connection(
            address, given, key_names=self.key_names, key_required_by=required_by
        )

    # -- what a service adds

    @abstractmethod
    def _item(self, item: Content) -> Any:
        """One text, image or both as it appears in a request's JSON."""

    @abstractmethod
    def _body(self, items: list[Any], *, is_query: bool) -> tuple[str, dict[str, Any]]:
        """The path (from `base_url`) and the JSON body that ask for the vectors of `items`."""

    def _read_error(self, body: Any) -> ErrorFacts:
        """What an error body says; the body is parsed JSON, or a str if it was not JSON."""
        return read_error(body)

    def _image(self, image: Image) -> str:
        """A data URI of the image within `max_pixels`.

        Raises `APITimeoutError` where the call's deadline has passed.
        """
        check_images_deadline(self.model)
        return encode_as_data_uri(image, self.max_pixels, pass_urls=False)

    # -- the flow

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._ask([Content(text) for text in texts])

    def _embed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        return self._ask([Content(images=[image]) for image in images])

    def _embed_query(self, query: Content) -> Vector:
        return self._ask([query], is_query=True)[0]

    async def _aembed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await self._aask([Content(text) for text in texts])

    async def _aembed_images(self, images: Sequence[Image]) -> Sequence[Vector]:
        return await self._aask([Content(images=[image]) for image in images])

    async def _aembed_query(self, query: Content) -> Vector:
        return (await self._aask([query], is_query=True))[0]

    def _ask(self, items: list[Content], *, is_query: bool = False) -> list[Vector]:
        call = _Call(time.monotonic() + self.deadline)
        batches = self._batches(call, items, is_query=is_query)
        with self._connection.client() as client:
            abandon = functools.partial(self._connection.abandon, client)
            vectors = drive(batches, client, self._bounds(call), abandon)
        return list(itertools.chain.from_iterable(vectors))

    async def _aask(self, items: list[Content], *, is_query: bool = False) -> list[Vector]:
        call = _Call(time.monotonic() + self.deadline)
        batches = self._batches(call, items, is_query=is_query)
        async with self._connection.async_client() as client:
            vectors = await drive_async(batches, client, self._bounds(call))
        return list(itertools.chain.from_iterable(vectors))

    def _bounds(self, call: _Call) -> Bounds:
        slots = self._connection.limits.slots
        return Bounds(self.model, slots, self.max_concurrency, call.deadline, self._connection.mask)

    def _batches(
        self, call: _Call, items: list[Content], *, is_query: bool
    ) -> list[BatchSteps[Vector]]:
        limits = limits_per_worker(items, self.limits, self.max_concurrency)
        batches = split_into_batches(items, _NO_QUERY, limits, self.tokens_per_image)
        return [self._batch_steps(call, batch, is_query=is_query) for batch in batches]

    def _batch_steps(
        self, call: _Call, items: list[Content], *, is_query: bool
    ) -> BatchSteps[Vector]:
        """One batch: a request, or several where the encoded images exceed the bytes of one."""
        sender = Sender(self._connection, self._read_error, self.model, self.max_retries, call)
        vectors: list[Vector] = []
        while left := items[len(vectors) :]:
            with images_until(call.deadline):
                encoded = take_within_bytes(map(self._item, left), self.limits.bytes)
            count = len(encoded)
            request = self._connection.request(*self._body(encoded, is_query=is_query))
            del encoded
            tokens = sum(estimate_tokens(item, self.tokens_per_image) for item in left[:count])
            answer = yield from sender.send(request, tokens)
            pairs, _ = decode_answer(self._decode, answer, self.model)
            vectors += values_by_index(pairs, count, self.model, "vector")
        return vectors

    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        pairs, tokens = read_embeddings(body)
        if self._check_model:
            check_model(self.model, body.get("model"))
        return pairs, tokens

    # -- connections

    def close(self) -> None:
        """Close the connections opened here; the next call opens new ones."""
        super().close()
        self._connection.close()

    async def aclose(self) -> None:
        """As `close`, and close those of the running event loop."""
        super().close()
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        self._connection.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
