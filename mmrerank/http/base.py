"""HTTPReranker: the flow that every rerank service shares.

Fan out, split into requests, encode, send with retries, check, fuse. A service gives what is its
own: how a request is written (`_encode`), how an answer (`_decode`) and an error (`_read_error`)
are read. Nothing in this file waits: see `drive`.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import threading
import weakref
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from mmrerank.base import Reranker
from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.fusion import FanOut, Fusion, fan_out, max_score, split_query
from mmrerank.http.answers import (
    ErrorFacts,
    Tally,
    decoded,
    pause_before_retry,
    scores_by_index,
    to_error,
)
from mmrerank.http.clients import Secret, check_url, ssl_context
from mmrerank.http.drive import Call, Pause, Request, Response, drive, drive_async
from mmrerank.images import encode_image
from mmrerank.types import Content, Image, Scored, Usage

__all__ = ["HTTPReranker"]


class HTTPReranker(Reranker):
    """A rerank service.

    `timeout` is in seconds for each wait of a request (connect, write, read). Requests that fail
    for a passing reason are sent again `max_retries` times. `headers` are added to each request.
    A `client` or `async_client` of your own (proxies, custom CA) is used and never closed here.
    """

    max_pixels = 602_112
    max_items_per_request = 64
    max_images_per_request = 8

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str,
        timeout: float = 60.0,
        max_retries: int = 2,
        max_concurrency: int = 4,
        max_images_per_document: int = 4,
        fusion: Fusion = max_score,
        send_urls: bool = False,
        headers: Mapping[str, str] | None = None,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        if min(max_concurrency, max_images_per_document) < 1 or max_retries < 0 or timeout <= 0:
            raise InvalidInputError(
                "max_concurrency and max_images_per_document are at least 1, "
                "max_retries at least 0, timeout above 0"
            )
        self.model = model
        self.base_url = check_url(base_url, with_key=api_key is not None)
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_concurrency = max_concurrency
        self.max_images_per_document = max_images_per_document
        self.fusion = fusion
        self.send_urls = send_urls
        self._api_key = Secret(api_key) if api_key is not None else None
        self._headers = dict(headers or {})
        self._given_client, self._given_async_client = client, async_client
        self._own_client: httpx.Client | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def _encode(self, query: Content, items: list[Content]) -> tuple[str, dict[str, Any]]:
        """The path (from `base_url`) and the JSON body that ask for scores of `items`."""

    @abstractmethod
    def _decode(self, body: Any) -> tuple[Sequence[tuple[Any, Any]], int | None]:
        """The answer's (index, score) pairs as they came, and the tokens it was charged for.

        May raise KeyError, TypeError or AttributeError where the body has another form.
        """

    def _read_error(self, body: Any) -> ErrorFacts:
        """What an error body says; the body is parsed JSON, or a str where it was none."""
        return ErrorFacts(str(body)[:300])

    # -- the flow

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        plan, calls, tally = self._plan(query, documents)
        scores = drive(calls, self._client(), self.max_concurrency) if calls else []
        return self._assemble(plan, scores, tally)

    async def _ascore(self, query: Content, documents: list[Content]) -> list[Scored]:
        plan, calls, tally = self._plan(query, documents)
        if not calls:
            return self._assemble(plan, [], tally)
        if self._given_async_client is not None:
            scores = await drive_async(calls, self._given_async_client, self.max_concurrency)
        else:
            # A client belongs to one event loop, and this object to none: a client a call.
            async with httpx.AsyncClient(timeout=self.timeout, verify=ssl_context()) as client:
                scores = await drive_async(calls, client, self.max_concurrency)
        return self._assemble(plan, scores, tally)

    def _plan(self, query: Content, documents: list[Content]) -> tuple[FanOut, list[Call], Tally]:
        plan = fan_out(documents, self.modalities, max_images=self.max_images_per_document)
        queries = split_query(query, self.modalities)
        tally = Tally(len(documents), plan, len(queries))
        calls = [
            self._call(asked, batch, tally)
            for asked in queries
            for batch in self._split(plan.items)
        ]
        return plan, calls, tally

    def _split(self, items: list[Content]) -> list[list[Content]]:
        """Batches in order; all in one where scores depend on the other documents."""
        if self.listwise:
            return [items] if items else []
        batches: list[list[Content]] = []
        images = 0
        for item in items:
            images += len(item.images)
            if (
                not batches
                or len(batches[-1]) >= self.max_items_per_request
                or images > self.max_images_per_request
            ):
                batches.append([])
                images = len(item.images)
            batches[-1].append(item)
        return batches

    def _call(self, query: Content, items: list[Content], tally: Tally) -> Call:
        """One request with its retries. Its images are encoded when it starts, not before."""
        request = self._request(query, items)
        for attempt in range(self.max_retries + 1):
            tally.requests += 1
            answer = yield request
            if isinstance(answer, Response) and answer.status == 200:
                return self._scores(answer, len(items), tally)
            error = to_error(answer, self._read_error, self.model)
            pause = pause_before_retry(error, attempt)
            if pause is None or attempt == self.max_retries:
                raise error
            tally.retries += 1
            yield Pause(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(self, query: Content, items: list[Content]) -> Request:
        path, body = self._encode(query, items)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **self._headers,
        }
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key.reveal()}"
        return Request(self.base_url + path, headers, json.dumps(body).encode())

    def _scores(self, answer: Response, count: int, tally: Tally) -> list[float]:
        pairs, tokens = decoded(self._decode, answer, self.model)
        tally.tokens += tokens or 0
        return scores_by_index(pairs, count, self.model)

    def _assemble(self, plan: FanOut, scores: list[list[float]], tally: Tally) -> list[Scored]:
        flat = [score for batch in scores for score in batch]
        count = len(plan.items)
        asked = [flat[i : i + count] for i in range(0, len(flat), count)] if count else []
        means = [math.fsum(column) / len(column) for column in zip(*asked, strict=True)]
        self._report(tally.usage(self.model))
        return plan.fuse(means, self.fusion)

    def _encoded(self, image: Image) -> str:
        """The image as a data URI within `max_pixels`, or its URL where that is allowed."""
        if image.url is not None:
            if self.send_urls:
                return image.url
            raise ImageError(image.url, "is a URL; say send_urls=True to let the service fetch it")
        encoded = encode_image(image, self.max_pixels)
        return f"data:{encoded.media_type};base64,{base64.b64encode(encoded.data).decode()}"

    # -- clients

    def _client(self) -> httpx.Client:
        if self._given_client is not None:
            return self._given_client
        with self._lock:
            if self._own_client is None:
                self._own_client = httpx.Client(timeout=self.timeout, verify=ssl_context())
                weakref.finalize(self, self._own_client.close)  # for those who never close
            return self._own_client

    def close(self) -> None:
        """Close the connections opened here; the next call opens new ones."""
        with self._lock:
            client, self._own_client = self._own_client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __getstate__(self) -> dict[str, Any]:
        """For pickling: without key, clients and lock.

        An unpickled reranker looks for its key in the environment.
        """
        dropped = ("_api_key", "_own_client", "_given_client", "_given_async_client", "_lock")
        return {**self.__dict__, **dict.fromkeys(dropped)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        key = self._key_from_environment()
        self._api_key = Secret(key) if key is not None else None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy in the same process keeps the key and the caller's own clients."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__, _own_client=None, _lock=threading.Lock())
        return copied

    __copy__ = functools.partialmethod(__deepcopy__, {})

    @classmethod
    def _key_from_environment(cls) -> str | None:
        return None
