"""HTTPReranker: the flow that every rerank service shares.

Fan out, look into the cache, split into requests, encode, send with retries, check, fuse. A
service gives what is its own: how a document (`_item`) and a request (`_body`) are written, how
an answer (`_decode`) and an error (`_read_error`) are read, what it takes, and its limits.
Nothing in this file waits: see `drive`.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import ssl
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import httpx

from mmrerank.base import Reranker
from mmrerank.errors import APIError, InvalidInputError, RerankWarning
from mmrerank.fusion import Fusion, fan_out, max_score, sigmoid, split_query
from mmrerank.http.cache import ScoreCache
from mmrerank.http.call import Work, digest, keys_of
from mmrerank.http.connection import Connection
from mmrerank.http.drive import drive, drive_async
from mmrerank.http.encoding import encoded_image, take
from mmrerank.http.limits import Limits, split, spread, token_count
from mmrerank.http.options import check_numbers, check_seconds, find_key
from mmrerank.http.responses import ErrorFacts, Pairs, decoded, read_error, scores_by_index
from mmrerank.http.retrying import Sender
from mmrerank.http.wire import Call, Response
from mmrerank.types import Content, Image, Scored, Usage

__all__ = ["HTTPReranker"]


class HTTPReranker(Reranker):
    """A rerank service.

    `model` as the service names it; `base_url` the service's address without the API's path;
    `api_key`, or else the first of `key_names` that the environment has ("" sends none).

    - `timeout`: seconds for each wait of a request (connect, write, read), or a `httpx.Timeout`.
      `deadline`: seconds for a whole call, with its waiting and its retries.
    - `max_retries`: how often a request that failed for a passing reason is sent again.
    - `max_concurrency`, `requests_per_minute`, `tokens_per_minute`: limits of all calls of this
      reranker together, whatever thread or event loop they come from. Tokens are estimated.
    - `instruction`: what the model is told to look for, where the service takes one.
    - `max_images_per_document`, `fusion`: see `mmrerank.fusion`. `max_pixels`: images are shrunk
      to that many before they are sent (None: what the model reads). `send_urls`: image URLs are
      passed on, for the service to fetch.
    - `cache`: a `ScoreCache`. `on_usage`: called with the `Usage` of each call, failed ones too.
    - `on_error`: "raise"; or "keep_order": an `APIError` becomes a `RerankWarning`, and the
      documents come back in the order they came, `is_scored` False.
    - `headers` are added to each request. `proxy` and `verify` (a file of certificates, or an
      `ssl.SSLContext`) as in httpx, whose environment variables hold too. A `client` or
      `async_client` of your own is used with its own settings, and never closed here.
      `allow_http_key` lets the key travel unencrypted to other machines.

    Within `async with`, the async calls of that event loop share connections; without it each
    opens its own. Raises `InvalidInputError` for options that cannot be used,
    `AuthenticationError` where a key is needed and there is none, `APIError` subclasses for what
    the service does, `ImageError` for images.
    """

    key_names: ClassVar[tuple[str, ...]] = ()
    needs_key: ClassVar[bool] = False
    takes_instruction: bool = False
    fetches_urls: bool = False
    scale: Literal["probability", "logit"] = "probability"
    """Logits are squashed, so that scores are from 0 to 1 whatever the service."""
    limits: Limits = Limits()
    max_pixels: int = 602_112
    tokens_per_image: int = 768

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: str | None = None,
        timeout: float | httpx.Timeout = 60.0,
        deadline: float = 300.0,
        max_retries: int = 3,
        max_concurrency: int = 5,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        instruction: str | None = None,
        max_images_per_document: int = 4,
        fusion: Fusion = max_score,
        max_pixels: int | None = None,
        send_urls: bool = False,
        cache: ScoreCache | None = None,
        on_error: Literal["raise", "keep_order"] = "raise",
        on_usage: Callable[[Usage], None] | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | httpx.Proxy | None = None,
        verify: ssl.SSLContext | str | Path | None = None,
        allow_http_key: bool = False,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        check_numbers(
            max_concurrency=max_concurrency,
            max_images_per_document=max_images_per_document,
            max_pixels=max_pixels,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            max_retries=max_retries + 1,
        )
        check_seconds(timeout, deadline)
        if on_error not in ("raise", "keep_order"):
            raise InvalidInputError(f"on_error is 'raise' or 'keep_order', not {on_error!r}")
        self._refuse_what_it_does_not_take(model, instruction, send_urls=send_urls)
        self.model, self.instruction = model, instruction
        self.deadline, self.max_retries, self.max_concurrency = deadline, max_retries, max_concurrency  # fmt: skip
        self.max_images_per_document, self.fusion = max_images_per_document, fusion
        self.max_pixels = max_pixels or self.max_pixels
        self.send_urls, self.cache, self.on_error = send_urls, cache, on_error
        self._connection = Connection(
            base_url,
            find_key(api_key, self.key_names, type(self).__name__ if self.needs_key else None),
            key_names=self.key_names,
            headers=headers,
            timeout=timeout,
            proxy=proxy,
            verify=verify,
            allow_http_key=allow_http_key,
            client=client,
            async_client=async_client,
            pace=(max_concurrency, requests_per_minute, tokens_per_minute),
        )

    def _refuse_what_it_does_not_take(
        self, model: str, instruction: str | None, *, send_urls: bool
    ) -> None:
        if instruction is not None and not self.takes_instruction:
            raise InvalidInputError(f"{type(self).__name__} ({model}) takes no instruction")
        if send_urls and not self.fetches_urls:
            raise InvalidInputError(f"{type(self).__name__} fetches no URLs: send_urls is no use")

    # -- what a service gives

    def _query(self, query: Content) -> Any:
        """The query as it stands in a request's JSON."""
        return query.text

    def _item(self, item: Content) -> Any:
        """One document as it stands in a request's JSON."""
        return item.text or ""

    @abstractmethod
    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        """The path (from `base_url`) and the JSON body that ask for the scores of `items`.

        `query` and `items` are what `_query` and `_item` gave.
        """

    @abstractmethod
    def _decode(self, body: Any) -> tuple[Pairs, int | None]:
        """The answer's (index, score) pairs as they came, and the tokens it was charged for.

        May raise KeyError, TypeError or AttributeError where the body has another form.
        """

    def _read_error(self, body: Any) -> ErrorFacts:
        """What an error body says; the body is parsed JSON, or a str where it was none."""
        return read_error(body)

    def _image(self, image: Image) -> str:
        """A data URI of the image within `max_pixels`, or its URL where that is allowed."""
        return encoded_image(image, self.max_pixels, pass_urls=self.send_urls)

    # -- the flow

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        work = self._prepare(query, documents)
        try:
            with work.accounted(self.model, self._report):
                if calls := self._calls(work):
                    connection = self._connection
                    drive(
                        calls,
                        connection.client(),
                        connection.pace.slots,
                        self.max_concurrency,
                        work.deadline,
                        connection.close,
                    )
        except APIError as error:
            return self._unscored(error, len(documents))
        return work.fused(self.fusion)

    async def _ascore(self, query: Content, documents: list[Content]) -> list[Scored]:
        # In a thread, since images are read and hashed.
        work = await asyncio.to_thread(self._prepare, query, documents)
        try:
            with work.accounted(self.model, self._report):
                if calls := self._calls(work):
                    slots = self._connection.pace.slots
                    async with self._connection.async_client() as client:
                        await drive_async(calls, client, slots, self.max_concurrency, work.deadline)
        except APIError as error:
            return self._unscored(error, len(documents))
        return work.fused(self.fusion)

    def _prepare(self, query: Content, documents: list[Content]) -> Work:
        deadline = time.monotonic() + self.deadline
        queries = split_query(query, self.modalities)
        plan = fan_out(documents, self.modalities, max_images=self.max_images_per_document)
        keys = keys_of(self._context(), queries, plan, listwise=self.listwise)
        known = self.cache.get(itertools.chain(*keys)) if self.cache is not None else {}
        work = Work(len(documents), plan, queries, keys, deadline, known)
        work.tally.add(cache_hits=len(known))
        return work

    def _context(self) -> bytes:
        """What a score depends on besides query and documents."""
        facts = (type(self).__name__, self._connection.base_url, self.model, self.instruction, self.max_pixels)  # fmt: skip
        return digest(str(fact).encode() for fact in facts)

    def _calls(self, work: Work) -> list[Call]:
        """One call a batch. What they find goes into `work.scores`."""
        calls: list[Call] = []
        for i, query in enumerate(work.queries):
            missing = work.missing(i)
            keys = iter(missing)
            encoded = functools.cache(functools.partial(self._query, query))
            items = list(missing.values())
            limits = spread(items, self.limits, self.max_concurrency)
            batches = split(items, query, limits, self.tokens_per_image)
            self._warn_if_split(len(batches))
            for batch in batches:
                named = dict(zip(itertools.islice(keys, len(batch)), batch, strict=True))
                calls.append(self._call(work, query, encoded, named))
        return calls

    def _call(
        self,
        work: Work,
        query: Content,
        encoded_query: Callable[[], Any],
        batch: dict[bytes, Content],
    ) -> Call:
        """One batch: a request, or several where the encoded images exceed the bytes of one.

        Nothing is encoded before the call has its turn, and nothing kept that has been sent.
        """
        send = Sender(self._connection, self._read_error, self.model, self.max_retries, work)
        rest = list(batch.items())
        while rest:
            encoded = take((self._item(item) for _, item in rest), self.limits.bytes)
            now, rest = rest[: len(encoded)], rest[len(encoded) :]
            self._warn_if_split(2 if rest else 1)
            request = self._connection.request(*self._body(encoded_query(), encoded))
            del encoded
            tokens = sum(
                token_count(one, self.tokens_per_image) for _, item in now for one in (query, item)
            )
            answer = yield from send(request, tokens)
            scores = self._read(answer, len(now), work)
            self._keep(work, dict(zip((key for key, _ in now), scores, strict=True)), now)
        return [work.scores[key] for key in batch]

    def _read(self, answer: Response, count: int, work: Work) -> list[float]:
        pairs, tokens = decoded(self._decode, answer, self.model)
        work.tally.add(tokens=tokens)
        scores = scores_by_index(pairs, count, self.model)
        return [sigmoid(score) for score in scores] if self.scale == "logit" else scores

    def _keep(
        self, work: Work, scores: dict[bytes, float], asked: list[tuple[bytes, Content]]
    ) -> None:
        """At once, so that what a failing call has paid for is not paid for again."""
        work.scores.update(scores)
        if self.cache is None:
            return
        # What a URL shows may change unseen.
        lasting = {key for key, item in asked if all(image.url is None for image in item.images)}
        self.cache.put({key: score for key, score in scores.items() if key in lasting})

    def _warn_if_split(self, batches: int) -> None:
        if self.listwise and batches > 1:
            warnings.warn(
                f"{self.model} scores documents by comparing them, and these exceed one request: "
                "scores of different requests do not compare well",
                RerankWarning,
                stacklevel=2,
            )

    def _unscored(self, error: APIError, count: int) -> list[Scored]:
        if not str(error).startswith(f"{self.model}: "):  # of the drivers, which know no model
            error.args = (f"{self.model}: {error.args[0]}",)
        if self.on_error == "raise":
            raise error
        warnings.warn(f"not reranked: {error}", RerankWarning, stacklevel=2)
        return [Scored(0.0, is_scored=False)] * count

    # -- connections

    def close(self) -> None:
        """Close the connections opened here; the next call opens new ones."""
        self._connection.close()

    async def aclose(self) -> None:
        """As `close`, and those of the running event loop."""
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        self._connection.enter()
        return self
