"""Sends one request until it is answered: rate limit, retries, deadline, redirects."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx

from mmrerank.errors import APIConnectionError, APIError, APITimeoutError
from mmrerank.http.call import UsageCounter
from mmrerank.http.connection import Connection
from mmrerank.http.responses import ErrorFacts, requested_pause, to_error
from mmrerank.http.wire import Outcome, Pause, Request, Response, Step

__all__ = ["Sender", "pause_before_retry"]

_MAX_REDIRECTS = 3

_RETRIED = (408, 429, 500, 502, 503, 504)

_LONGEST_PAUSE = 60.0  # seconds; if a service asks for more, its error is raised


class Call(Protocol):
    """One call: its end, a time of `time.monotonic`, and its counts."""

    @property
    def deadline(self) -> float: ...

    @property
    def counter(self) -> UsageCounter: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the requests of one call of a service. `read_error` reads the service's errors,
    `is_permanent` knows those that a repetition cannot mend in spite of their status.
    """

    connection: Connection
    read_error: Callable[[Any], ErrorFacts]
    model: str
    max_retries: int
    call: Call
    is_permanent: Callable[[APIError], bool] = lambda _: False

    def send(self, request: Request, tokens: int) -> Generator[Step, Outcome, Response]:
        """The answer with status 200 to a request of about so many `tokens`.

        Raises the `APIError` of the last attempt, or an `APITimeoutError` where the rate limit
        allows no request before the deadline.
        """
        rate = self.connection.limits.rate
        for attempt in itertools.count():
            yield from self.pause(rate.reserve(tokens), None)
            answer = yield from self._follow_redirects(request)
            requested = self._requested_pause(answer)
            is_question = request.method == "GET"  # whose answer says nothing of the others
            if requested is not None and requested <= _LONGEST_PAUSE and not is_question:
                rate.delay(requested)
            if isinstance(answer, Response) and answer.status == 200:
                return answer
            error = self._error(answer)
            pause = pause_before_retry(error, attempt, requested)
            if pause is None or attempt == self.max_retries or self.is_permanent(error):
                raise error
            self.call.counter.add(retries=1)
            yield from self.pause(pause, error)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _requested_pause(self, answer: Outcome) -> float | None:
        """What an answer asks to wait, if it asks for another attempt at all."""
        if isinstance(answer, Response) and answer.status in _RETRIED:
            return requested_pause(answer.headers)
        return None

    def _error(self, answer: Outcome) -> APIError:
        if isinstance(answer, Response):
            return to_error(answer, self.read_error, self.model, self.connection.mask)
        return answer or APIConnectionError(f"{self.model}: no answer")

    def pause(self, seconds: float, error: APIError | None) -> Generator[Step, Any, None]:
        """Wait; but if the deadline comes first, raise at once (`error`, if there is one)."""
        if time.monotonic() + seconds >= self.call.deadline:
            raise error or APITimeoutError(
                f"{self.model}: the deadline comes before the rate limit allows the next request"
            )
        if seconds > 0:
            yield Pause(seconds)

    def _follow_redirects(self, request: Request) -> Generator[Step, Outcome, Outcome]:
        """The answer after redirects within the service.

        Neither the key nor the documents go to another host: the answer is then an error that
        names it.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            self.call.counter.add(requests=1, bytes_sent=len(request.content))
            answer = yield request
            if not isinstance(answer, Response) or answer.status not in (307, 308):
                return answer
            source = httpx.URL(request.url)
            target = _redirect_target(source, answer.headers.get("location", ""))
            if target is None or _origin(target) != _origin(source):
                return self._redirect_error(target, answer.status)
            request = replace(request, url=str(target))
        return APIError(f"{self.model}: the service redirects more than {_MAX_REDIRECTS} times")

    def _redirect_error(self, target: httpx.URL | None, status: int) -> APIError:
        if target is None:
            reason = "the service redirects to what is no URL"
        else:
            place = self.connection.mask(f"{target.scheme}://{target.host}")
            reason = (
                f"the service redirects to {place:.300}; give that address as base_url if you "
                "trust it"
            )
        return APIError(f"{self.model}: {reason}", status_code=status)


def pause_before_retry(error: APIError, attempt: int, requested: float | None) -> float | None:
    """Seconds to wait before attempt `attempt` (from 0) is repeated; None if it should not be.

    Doubles from half a second, with jitter so that clients do not come back all at once; a pause
    that the service has `requested` takes its place.
    """
    temporary = isinstance(error, (APITimeoutError, APIConnectionError))
    if not temporary and error.status_code not in _RETRIED:
        return None
    if requested is not None:
        return requested if requested <= _LONGEST_PAUSE else None
    return min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # not a secret


def _redirect_target(source: httpx.URL, location: str) -> httpx.URL | None:
    """The URL a redirect leads to; None if it is none.

    Without user and password: httpx would send them in place of the key.
    """
    try:
        target = source.join(location).copy_with(userinfo=b"")
        target.host.encode("idna")  # raises for a name that cannot be looked up
    except (httpx.InvalidURL, ValueError):
        return None
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
