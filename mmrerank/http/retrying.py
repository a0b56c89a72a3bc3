"""One request until it is answered: the pace, the retries, the deadline, redirects."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import httpx

from mmrerank.errors import APIError, APITimeoutError
from mmrerank.http.call import Work
from mmrerank.http.connection import Connection
from mmrerank.http.responses import (
    LONGEST_PAUSE,
    ErrorFacts,
    asked_pause,
    pause_before_retry,
    to_error,
)
from mmrerank.http.wire import Pause, Request, Response, Step

__all__ = ["Sender"]

_MAX_REDIRECTS = 3

Sending = Generator[Step, Response | APIError | None, Response]


class Sender:
    """Sends the requests of one call of a reranker."""

    def __init__(
        self,
        connection: Connection,
        read_error: Callable[[Any], ErrorFacts],
        model: str,
        max_retries: int,
        work: Work,
    ) -> None:
        self._connection = connection
        self._read_error = read_error
        self._model = model
        self._max_retries = max_retries
        self._work = work

    def __call__(self, request: Request, tokens: int) -> Sending:
        """The answer with status 200; the last attempt's error where there is none."""
        rate = self._connection.pace.rate
        for attempt in itertools.count():
            yield from self._pause(rate.reserve(tokens), None)
            answer = yield from self._redirected(request)
            asked = asked_pause(answer.headers) if isinstance(answer, Response) else None
            if asked is not None and asked <= LONGEST_PAUSE:
                rate.hold(asked)
            if isinstance(answer, Response) and answer.status == 200:
                return answer
            error = to_error(answer, self._read_error, self._model, self._connection.secret)
            pause = pause_before_retry(error, attempt, asked)
            if pause is None or attempt == self._max_retries:
                raise error
            self._work.tally.add(retries=1)
            yield from self._pause(pause, error)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, seconds: float, error: APIError | None) -> Generator[Step, Any, None]:
        """Wait; or raise at once what would be raised later, where the deadline comes first."""
        if time.monotonic() + seconds >= self._work.deadline:
            raise error or APITimeoutError(
                f"{self._model}: the deadline comes before the rate limit allows the next request"
            )
        if seconds > 0:
            yield Pause(seconds)

    def _redirected(
        self, request: Request
    ) -> Generator[Step, Response | APIError | None, Response | APIError | None]:
        """The answer after redirects within the service.

        Neither the key nor the documents go to another host: that is an error, which names it.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            self._work.tally.add(requests=1, bytes_sent=len(request.content))
            answer = yield request
            if not isinstance(answer, Response) or answer.status not in (307, 308):
                return answer
            there = httpx.URL(request.url).join(answer.headers.get("location", ""))
            if _origin(there) != _origin(httpx.URL(request.url)):
                return APIError(
                    f"{self._model}: the service redirects to {there.scheme}://{there.host}; "
                    "give that address as base_url if you trust it",
                    status_code=answer.status,
                )
            request = replace(request, url=str(there))
        return APIError(f"{self._model}: the service redirects more than {_MAX_REDIRECTS} times")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
