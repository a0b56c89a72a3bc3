"""HTTPReranker: the flow that every rerank service shares.

Fan out, look into the cache, split into batches, encode, send with retries, check, fuse. A
service adds what is its own: how a document (`_item`) and a request (`_body`) are written, how an
answer (`_decode`) and an error (`_read_error`) are read, what it accepts, and its limits.
Nothing in this file waits: see `drive`.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, Unpack

from mmrerank.base import Reranker
from mmrerank.errors import APIError, ImageError, InvalidInputError, RerankError, warn
from mmrerank.fusion import fan_out, split_query
from mmrerank.http.bounds import Bounds
from mmrerank.http.call import RerankCall, digest, score_keys
from mmrerank.http.connection import Connection
from mmrerank.http.drive import drive, drive_async
from mmrerank.http.encoding import (
    check_images_deadline,
    encode_as_data_uri,
    images_until,
    take_within_bytes,
)
from mmrerank.http.limits import Limits, estimate_request, limits_per_worker, split_into_batches
from mmrerank.http.options import DEFAULTS, HTTPOptions, check_options
from mmrerank.http.responses import (
    ErrorFacts,
    IndexedScores,
    decode_answer,
    read_error,
    scores_by_index,
)
from mmrerank.http.retrying import Sender
from mmrerank.http.scale import Scale, to_probabilities
from mmrerank.http.server_facts import ServerFacts
from mmrerank.http.too_long import cut_texts, shortened, tell_cut
from mmrerank.http.wire import BatchSteps, Response
from mmrerank.options import Configurable
from mmrerank.threads import run_in_thread
from mmrerank.types import Content, Image, Scored

__all__ = ["HTTPReranker"]


class HTTPReranker(Configurable, Reranker):
    """A rerank service.

    `model` is the service's name for the model, `base_url` the service's address without the
    API's path. All other keywords are described in `HTTPOptions`.

    Within `async with`, the async calls of that event loop share connections; otherwise each call
    opens its own. Raises `InvalidInputError` for options that cannot be used, `TypeError` for
    unknown ones, `AuthenticationError` where a key is needed and there is none; while scoring,
    subclasses of `APIError` for failures of the service, `ImageError` for images.
    """

    options: ClassVar[type] = HTTPOptions
    defaults: ClassVar[Mapping[str, Any]] = DEFAULTS
    key_names: tuple[str, ...] = ()
    """Environment variables that may contain the key, in the order in which they are read."""
    needs_key: bool = False
    takes_instruction: bool = False
    fetches_urls: bool = False
    scale: Scale = "probability"
    """What the service's scores are; logits go through a sigmoid, so that scores are in [0, 1]."""
    server: ServerFacts | None = None
    """What the server says of itself, read before the first request."""
    limits: Limits = Limits()
    max_pixels: int = 602_112
    tokens_per_image: int = 768

    def __init__(self, model: str, *, base_url: str, **options: Unpack[HTTPOptions]) -> None:
        given: HTTPOptions = self.complete_options(options)
        check_options(given)
        super().__init__(on_usage=given["on_usage"])
        self._refuse_unsupported(model, given)
        self.model, self.instruction = model, given["instruction"]
        self.deadline, self.max_retries = given["deadline"], given["max_retries"]
        self.max_concurrency, self.on_error = given["max_concurrency"], given["on_error"]
        self.max_images_per_document = given["max_images_per_document"]
        self.max_pixels = given["max_pixels"] or self.max_pixels
        self.send_urls, self.cache = given["send_urls"], given["cache"]
        self.fusion = given["fusion"]
        required_by = type(self).__name__ if self.needs_key else None
        self._connection = Connection(
            base_url, given, key_names=self.key_names, key_required_by=required_by
        )

    def _refuse_unsupported(self, model: str, options: HTTPOptions) -> None:
        name = type(self).__name__
        if options["instruction"] is not None and not self.takes_instruction:
            raise InvalidInputError(f"{name} ({model}) takes no instruction")
        if options["send_urls"] and not self.fetches_urls:
            raise InvalidInputError(f"{name} does not fetch URLs: send_urls has no use")

    # -- what a service adds

    def _query(self, query: Content) -> Any:
        """The query as it appears in a request's JSON."""
        return query.text

    def _item(self, item: Content) -> Any:
        """One document as it appears in a request's JSON."""
        return item.text or ""

    @abstractmethod
    def _body(self, query: Any, items: list[Any]) -> tuple[str, dict[str, Any]]:
        """The path (from `base_url`) and the JSON body that ask for the scores of `items`.

        `query` and `items` are results of `_query` and `_item`.
        """

    @abstractmethod
    def _decode(self, body: Any) -> tuple[IndexedScores, int | None]:
        """The answer's (index, score) pairs in any order, and the tokens it was charged for.

        May raise KeyError, TypeError or AttributeError if the body has another structure.
        """

    def _read_error(self, body: Any) -> ErrorFacts:
        """What an error body says; the body is parsed JSON, or a str if it was not JSON."""
        return read_error(body)

    def _is_too_long(self, error: APIError) -> bool:
        """Whether a request was refused since one document is too long: repeating it is no use."""
        return False

    def _scale(self, scores: list[float]) -> Scale:
        """What these scores of the service are."""
        return self.scale

    def _image(self, image: Image) -> str:
        """A data URI of the image within `max_pixels`, or its URL where that is allowed.

        Raises `APITimeoutError` where the call's deadline has passed.
        """
        check_images_deadline(self.model)
        return encode_as_data_uri(image, self.max_pixels, pass_urls=self.send_urls)

    # -- the flow

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        try:
            call = self._prepare(query, documents)
            with call.usage_reported(self.model, self._report):
                if batches := self._batches(call):
                    with self._connection.client() as client:
                        abandon = functools.partial(self._connection.abandon, client)
                        drive(batches, client, self._bounds(call), abandon)
        except (APIError, ImageError) as error:
            return self._keep_order(error, len(documents))
        return call.fuse(self.fusion)

    async def _ascore(self, query: Content, documents: list[Content]) -> list[Scored]:
        # In a thread, since images are read and hashed.
        prepare = functools.partial(self._prepare, query, documents)
        try:
            call = await asyncio.wrap_future(run_in_thread(prepare))
            with call.usage_reported(self.model, self._report):
                if batches := self._batches(call):
                    async with self._connection.async_client() as client:
                        await drive_async(batches, client, self._bounds(call))
        except (APIError, ImageError) as error:
            return self._keep_order(error, len(documents))
        return call.fuse(self.fusion)

    def _prepare(self, query: Content, documents: list[Content]) -> RerankCall:
        deadline = time.monotonic() + self.deadline
        queries = split_query(query, self.modalities)
        plan = fan_out(documents, self.modalities, max_images=self.max_images_per_document)
        keys = score_keys(self._context(), queries, plan, listwise=self.listwise)
        known = self.cache.get(itertools.chain(*keys)) if self.cache is not None else {}
        call = RerankCall(len(documents), plan, queries, keys, deadline, known)
        call.counter.add(cache_hits=len(known))
        return call

    def _context(self) -> bytes:
        """What a score depends on besides query and documents."""
        facts = (type(self).__name__, self._connection.base_url, self.model, self.instruction, self.max_pixels, self.scale)  # fmt: skip
        return digest(str(fact).encode() for fact in facts)

    def _bounds(self, call: RerankCall) -> Bounds:
        slots = self._connection.limits.slots
        return Bounds(self.model, slots, self.max_concurrency, call.deadline, self._connection.mask)

    def _batches(self, call: RerankCall) -> list[BatchSteps[float]]:
        """What must be sent; the scores go into `call.scores`."""
        steps: list[BatchSteps[float]] = []
        for i, query in enumerate(call.queries):
            missing = call.missing(i)
            keys = iter(missing)
            encoded_query = functools.cache(functools.partial(self._query, query))
            items = list(missing.values())
            limits = limits_per_worker(items, self.limits, self.max_concurrency)
            batches = split_into_batches(items, query, limits, self.tokens_per_image)
            self._warn_if_split(len(batches))
            for batch in batches:
                by_key = dict(zip(itertools.islice(keys, len(batch)), batch, strict=True))
                steps.append(self._batch_steps(call, query, encoded_query, by_key))
        return steps

    def _batch_steps(
        self,
        call: RerankCall,
        query: Content,
        encoded_query: Callable[[], Any],
        batch: dict[bytes, Content],
    ) -> BatchSteps[float]:
        """One batch: a request, or several where the encoded images exceed the bytes of one.

        Nothing is encoded before the batch has its slot, and nothing is kept after it was sent.
        """
        sender = self._sender(call)
        if self.server is not None:
            yield from self.server.read(sender)
        keys, items = list(batch), cut_texts(list(batch.values()), self.limits.characters)
        most, cut = len(items), 0
        while keys:
            with images_until(call.deadline):
                encoded = take_within_bytes(map(self._item, items[:most]), self.limits.bytes)
                body = self._body(encoded_query(), encoded)
            count = len(encoded)
            self._warn_if_split(2 if count < len(items) else 1)
            request = self._connection.request(*body)
            del encoded, body
            tokens = estimate_request(query, items[:count], self.tokens_per_image)
            try:
                answer = yield from sender.send(request, tokens)
            except APIError as error:
                if not self._is_too_long(error):
                    raise
                if count == 1:
                    items[0] = shortened(query, items[0], error)
                # Only the document that is too long is cut, so that no score depends on others.
                most = max(1, count // 2)
                continue
            most = 2 * count
            sent = list(zip(keys[:count], items[:count], strict=True))
            del keys[:count], items[:count]
            cut += sum(batch[key] is not item for key, item in sent)
            self._store(call, sent, self._read_scores(answer, count, call))
        tell_cut(self.model, call.counter, cut)
        return [call.scores[key] for key in batch]

    def _sender(self, call: RerankCall) -> Sender:
        return Sender(self._connection, self._read_error, self.model, self.max_retries, call, self._is_too_long)  # fmt: skip

    def _read_scores(self, answer: Response, count: int, call: RerankCall) -> list[float]:
        pairs, tokens = decode_answer(self._decode, answer, self.model)
        call.counter.add(tokens=tokens)
        scores = scores_by_index(pairs, count, self.model)
        return to_probabilities(scores, self._scale(scores), self.model)

    def _store(
        self, call: RerankCall, sent: list[tuple[bytes, Content]], scores: list[float]
    ) -> None:
        """At once, so that what a failing call has paid for is not paid for again."""
        entries = {key: score for (key, _), score in zip(sent, scores, strict=True)}
        call.scores.update(entries)
        if self.cache is None:
            return
        # The image behind a URL may change without notice.
        lasting = {key for key, item in sent if all(image.url is None for image in item.images)}
        self.cache.put({key: score for key, score in entries.items() if key in lasting})

    def _warn_if_split(self, batches: int) -> None:
        if self.listwise and batches > 1:
            warn(
                f"{self.model} scores documents by comparing them with each other, and these do "
                "not fit one request: scores of different requests do not compare well"
            )

    def _keep_order(self, error: RerankError, count: int) -> list[Scored]:
        """Raise `error`, or with `on_error="keep_order"` warn and leave the documents unscored."""
        if self.on_error == "raise":
            raise error
        warn(f"not reranked: {error}")
        return [Scored(0.0, is_scored=False)] * count

    # -- connections

    def close(self) -> None:
        """Close the connections opened here; the next call opens new ones."""
        self._connection.close()

    async def aclose(self) -> None:
        """As `close`, and close those of the running event loop."""
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        self._connection.enter()
        return self
