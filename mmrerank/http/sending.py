"""Sends one request and reads its answer, within the bounds of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from mmrerank.errors import APIConnectionError, APIError, APITimeoutError, InvalidResponseError
from mmrerank.http.body import Body
from mmrerank.http.bounds import Bounds
from mmrerank.http.wire import Request, Response

__all__ = ["post", "post_async"]

_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, ValueError, RuntimeError)
"""What httpx raises for a request. ValueError: a host that cannot be looked up, also that of a
redirect, which httpx reads without following it. RuntimeError: the client was closed."""


def post(client: httpx.Client, step: Request, bounds: Bounds) -> Response | APIError:
    """The answer to a request, or the error that prevented one."""
    try:
        answer = client.send(_build(client, step, bounds), stream=True, follow_redirects=False)
        try:
            body = _Reading(answer, bounds)
            if body.is_coming:
                for piece in answer.iter_raw():
                    body.add(piece)
            return body.response()
        finally:
            answer.close()
            if (connection := _left_open(client, answer)) is not None:
                connection.close()
            _break_cycle(answer)
    except APIError as error:
        return error
    except _FAILURES as error:
        return _connection_error(error, step, bounds)


async def post_async(
    client: httpx.AsyncClient, step: Request, bounds: Bounds
) -> Response | APIError:
    """As `post`; ends by itself at the deadline."""
    try:
        async with asyncio.timeout(bounds.seconds_left()):
            request = _build(client, step, bounds)
            answer = await client.send(request, stream=True, follow_redirects=False)
            try:
                body = _Reading(answer, bounds)
                if body.is_coming:
                    async for piece in answer.aiter_raw():
                        body.add(piece)
                return body.response()
            finally:
                await answer.aclose()
                if (connection := _left_open(client, answer)) is not None:
                    await connection.aclose()
                _break_cycle(answer)
    except TimeoutError:
        return bounds.deadline_error()
    except APIError as error:
        return error
    except _FAILURES as error:
        return _connection_error(error, step, bounds)


class _Reading:
    """An answer while its body comes in. The body of an error may be lost, its status is not."""

    def __init__(self, answer: httpx.Response, bounds: Bounds) -> None:
        self._answer, self._bounds = answer, bounds
        self._body: Body | None = None
        # An event hook or a transport of the caller's client may have read the answer already.
        self.is_coming = not answer.is_stream_consumed
        encoding = answer.headers.get("content-encoding", "") if self.is_coming else ""
        with self._body_dropped_on_error():
            self._body = Body(encoding, bounds.model, mask=bounds.mask)
        if not self.is_coming:
            self.add(answer.content)

    def add(self, piece: bytes) -> None:
        """Decode a piece. Raises `APIError` where the call must not go on reading."""
        self._bounds.check_deadline()
        with self._body_dropped_on_error():
            if self._body is not None:
                self._body.add(piece)

    def response(self) -> Response:
        """The whole answer, once all pieces were added."""
        content = b""
        with self._body_dropped_on_error():
            content = self._body.content() if self._body is not None else b""
        headers = {name.lower(): value for name, value in self._answer.headers.items()}
        return Response(self._answer.status_code, headers, content)

    @contextmanager
    def _body_dropped_on_error(self) -> Iterator[None]:
        try:
            yield
        except InvalidResponseError:
            if self._answer.status_code == 200:
                raise
            self._body = None


def _build(
    client: httpx.Client | httpx.AsyncClient, step: Request, bounds: Bounds
) -> httpx.Request:
    """The httpx request, with the client's own timeouts, none of them beyond the deadline."""
    left = bounds.seconds_left()
    if step.seconds is not None:
        left = min(left, step.seconds)
    timeouts = {
        name: left if seconds is None else min(left, seconds)
        for name, seconds in client.timeout.as_dict().items()
    }
    return client.build_request(
        step.method,
        step.url,
        headers=step.headers,
        content=step.content,
        timeout=httpx.Timeout(**timeouts),
    )


def _left_open(client: httpx.Client | httpx.AsyncClient, answer: httpx.Response) -> Any:
    """The connection of an answer if the client is closed, else None.

    A client closes the connections it has at that moment. One that was still being made then is
    kept for the next request, which never comes.
    """
    return answer.extensions.get("network_stream") if client.is_closed else None


def _break_cycle(answer: httpx.Response) -> None:
    """Break httpx's reference cycle of response and stream, which would keep the request's body,
    and so its images, in memory until the garbage collector runs.
    """
    answer.stream = httpx.ByteStream(b"")


def _connection_error(error: Exception, step: Request, bounds: Bounds) -> APIError:
    """An error of httpx as one of ours, which names the service's address."""
    url = httpx.URL(step.url)
    service = f"the service at {url.scheme}://{url.netloc.decode()}"
    kind = type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"{bounds.model}: {service} did not answer in time ({kind})")
    reason = bounds.mask(str(error)) or kind  # some of httpx's errors quote headers
    message = f"{bounds.model}: {service} could not be reached: {reason:.300}"
    is_temporary = isinstance(error, (httpx.HTTPError, httpx.StreamError))
    return APIConnectionError(message) if is_temporary else APIError(message)
