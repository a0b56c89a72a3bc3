"""What a server says of itself (its version, its model), asked once, before the first request."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mmrerank.errors import APIConnectionError, APIError
from mmrerank.http.retrying import Sender
from mmrerank.http.wire import Outcome, Step

__all__ = ["ServerFacts", "Version", "parse_version", "strings_in"]

Version = tuple[int, int, int]

_WAIT = 0.02  # seconds between two looks at whether another batch has the facts

_ENDPOINT_IS_THERE_BUT_NOT_NOW = (408, 429, 500, 502, 503, 504)


class ServerFacts:
    """The JSON of a server's endpoints that describe it.

    `endpoints` gives each fact the paths that may have it; the first that answers counts. The
    batches of all threads and event loops share one reading. An endpoint that the server does not
    have, or that does not answer within seconds, gives `{}`; one that fails for a temporary reason
    is asked again before a later request.
    """

    def __init__(self, endpoints: Mapping[str, tuple[str, ...]]) -> None:
        self._endpoints = dict(endpoints)
        self._facts: dict[str, Any] | None = None
        self._reading: dict[int, object] = {}  # who reads now, by process: a fork has its own

    def __getitem__(self, name: str) -> dict[str, Any]:
        fact = (self._facts or {}).get(name)
        return fact if isinstance(fact, dict) else {}

    def read(self, sender: Sender) -> Generator[Step, Outcome, None]:
        """Ask the server, unless it was asked; wait if another batch is asking.

        Raises the `APIConnectionError` of a server that cannot be reached.
        """
        sender = replace(sender, max_retries=0)
        token = object()
        while self._facts is None:
            if self._reading.setdefault(os.getpid(), token) is not token:
                yield from sender.pause(_WAIT, None)
                continue
            try:
                facts = {}
                for name, paths in self._endpoints.items():
                    facts[name] = yield from _first_answer(sender, paths)
                self._facts = facts
            except _NotNowError:
                return
            finally:
                self._reading.pop(os.getpid(), None)

    def __reduce__(self) -> tuple[Any, ...]:
        return ServerFacts, (self._endpoints,)


class _NotNowError(Exception):
    """The server has such an endpoint, but does not answer at present."""


def _first_answer(sender: Sender, paths: tuple[str, ...]) -> Generator[Step, Outcome, Any]:
    for path in paths:
        try:
            answer = yield from sender.send(sender.connection.question(path), 0)
        except APIConnectionError:  # the server is down: the next request would say so too
            raise
        except APIError as error:
            if error.status_code in _ENDPOINT_IS_THERE_BUT_NOT_NOW:
                raise _NotNowError from None
            continue
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError):  # a web page in the place of the endpoint
            continue
    return {}


def parse_version(value: object) -> Version | None:
    """The first three numbers of a version such as `0.13.1.dev12+gabc`; None if it has none."""
    match = re.match(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", str(value))
    if match is None:
        return None
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


def strings_in(value: object) -> Iterator[str]:
    """Every str of a list, or the str itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))
