"""How a service is reached: address, key, clients, and the limits that all calls share."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from mmrerank.http.clients import Clients, client_arguments, make_client
from mmrerank.http.credentials import Secret, check_base_url, find_key, hide_headers
from mmrerank.http.limits import RateLimiter, Slots
from mmrerank.http.masking import Mask
from mmrerank.http.options import ConnectionOptions
from mmrerank.http.proxies import is_this_machine, make_proxy, proxy_secrets
from mmrerank.http.wire import Request

__all__ = ["Connection", "SharedLimits"]

_USUAL_HEADERS = ("accept", "accept-encoding", "connection", "content-type", "user-agent")
"""Of a client of one's own: no secrets."""


_QUESTION_SECONDS = 3.0


class SharedLimits:
    """The limits of all calls of one object together; None is no limit."""

    def __init__(
        self, concurrency: int, requests_per_minute: int | None, tokens_per_minute: int | None
    ) -> None:
        self.slots = Slots(concurrency)
        self.rate = RateLimiter(requests_per_minute, tokens_per_minute)


class Connection:
    """Where requests go, with which key and headers, and over which clients.

    `options` are complete (`Configurable.complete_options`). Works from any thread and event loop,
    and after a fork. A pickle contains neither key, proxy, client nor the caller's headers: once
    loaded, it looks for its key (`key_names`) and its proxy in the environment. Raises `AuthenticationError`
    where `key_required_by` names a class and there is no key, `InvalidInputError` for an unusable
    address, key, header, proxy or certificate.
    """

    def __init__(
        self,
        base_url: str,
        options: ConnectionOptions,
        *,
        key_names: tuple[str, ...] = (),
        key_required_by: str | None = None,
    ) -> None:
        key = find_key(options["api_key"], key_names, key_required_by)
        proxy = make_proxy(options["proxy"])
        self.base_url = check_base_url(
            base_url,
            has_key=key is not None,
            over_proxy=proxy is not None,
            allow_http_key=options["allow_http_key"],
        )
        self._key = Secret(key) if key else None
        self._key_names = key_names
        self._headers = hide_headers(options["headers"])
        self._timeout, self._verify = options["timeout"], options["verify"]
        self._proxy = Secret(proxy) if proxy is not None else None
        # Raises now if the certificates are missing or a proxy cannot be used.
        make_client(httpx.Client, self._client_arguments()).close()
        self._given, self._given_async = options["client"], options["async_client"]
        self._limits = (
            options["max_concurrency"],
            options["requests_per_minute"],
            options["tokens_per_minute"],
        )
        self._state = _ProcessState(*self._limits)

    @property
    def key(self) -> str | None:
        """The key, to be sent."""
        return self._key.reveal() if self._key is not None else None

    def mask(self, text: str) -> str:
        """The text without key, header values and proxy passwords: services echo them in errors."""
        secrets = [value.reveal() for value in self._headers.values()]
        secrets.extend(proxy_secrets(self._proxy.reveal() if self._proxy is not None else None))
        for client in (self._given, self._given_async):
            if client is not None:
                headers = client.headers.items()
                secrets.extend(value for name, value in headers if name not in _USUAL_HEADERS)
        return Mask([*secrets, self.key or ""])(text)

    @property
    def limits(self) -> SharedLimits:
        """The limits that all calls share."""
        return self._this_process.limits

    def request(self, path: str, body: dict[str, Any]) -> Request:
        """A POST of this JSON; lone surrogates in it become question marks."""
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return Request(self.base_url + path, self._request_headers(), content)

    def question(self, path: str) -> Request:
        """A GET, for what a server says of itself; scores can do without its answer."""
        headers = self._request_headers()
        return Request(self.base_url + path, headers, b"", "GET", seconds=_QUESTION_SECONDS)

    def _request_headers(self) -> dict[str, str]:
        # Answers are short: none need be compressed, and then none is larger than it looks.
        headers = httpx.Headers(
            {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            }
        )
        # The caller's headers take the place of those of the same name, whatever its case.
        headers.update({name: value.reveal() for name, value in self._headers.items()})
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return {name.decode(): value.decode() for name, value in headers.raw}

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """The caller's client, or one that no other call uses until this block ends."""
        if self._given is not None:
            yield self._given
            return
        with self._this_process.clients.client(self._make_client) as client:
            yield client

    def abandon(self, client: httpx.Client) -> None:
        """Close a client whose call is over while requests still run; never the caller's own."""
        if client is not self._given:
            client.close()

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[httpx.AsyncClient]:
        """As `client`, for the running loop: clients are kept between `enter` and `aclose`."""
        if self._given_async is not None:
            yield self._given_async
            return
        async with self._this_process.clients.async_client(self._make_async_client) as client:
            yield client

    def enter(self) -> None:
        """From now on keep the clients of the running loop for its next calls."""
        self._this_process.clients.enter()

    def close(self) -> None:
        """Close the clients of the synchronous calls; the next call opens another."""
        self._this_process.clients.close()

    async def aclose(self) -> None:
        """As `close`, and close those of the running loop."""
        self._this_process.clients.close()
        await self._this_process.clients.aclose()

    def _make_client(self) -> httpx.Client:
        return make_client(httpx.Client, self._client_arguments())

    def _make_async_client(self) -> httpx.AsyncClient:
        return make_client(httpx.AsyncClient, self._client_arguments())

    def _client_arguments(self) -> dict[str, Any]:
        is_near = is_this_machine(httpx.URL(self.base_url).host)
        proxy = self._proxy.reveal() if self._proxy is not None else None
        return client_arguments(self._timeout, proxy, self._verify, use_environment=not is_near)

    @property
    def _this_process(self) -> _ProcessState:
        if self._state.process != os.getpid():
            _INHERITED_BY_FORK.append(self._state)
            self._state = _ProcessState(*self._limits)
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("_key", "_proxy", "_given", "_given_async", "_state")
        return {**self.__dict__, **dict.fromkeys(dropped), "_headers": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        key = find_key(None, state["_key_names"], None)
        limits = _ProcessState(*state["_limits"])
        self.__dict__.update(state, _key=Secret(key) if key else None, _state=limits)

    def __deepcopy__(self, memo: dict[int, Any]) -> Connection:
        """A copy in the same process keeps the key and the caller's own clients."""
        copied = Connection.__new__(Connection)
        copied.__dict__.update(self.__dict__, _state=_ProcessState(*self._limits))
        return copied


_INHERITED_BY_FORK: list[object] = []
"""Never closed: threads that a fork did not copy may hold the locks of what is in here."""


class _ProcessState:
    """What one process has open, and the limits that its calls share."""

    def __init__(
        self, concurrency: int, requests_per_minute: int | None, tokens_per_minute: int | None
    ) -> None:
        self.process = os.getpid()
        self.limits = SharedLimits(concurrency, requests_per_minute, tokens_per_minute)
        self.clients = Clients(concurrency)
