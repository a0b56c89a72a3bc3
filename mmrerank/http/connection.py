"""How a reranker reaches its service: address, key, clients, and the limits its calls share."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from mmrerank.errors import InvalidInputError
from mmrerank.http.credentials import Secret, check_base_url, find_key, hide_headers
from mmrerank.http.limits import RateLimiter, Slots
from mmrerank.http.options import HTTPOptions
from mmrerank.http.wire import Request

__all__ = ["Connection", "SharedLimits"]


class SharedLimits:
    """The limits of all calls of one reranker together; None is no limit."""

    def __init__(
        self, concurrency: int, requests_per_minute: int | None, tokens_per_minute: int | None
    ) -> None:
        self.slots = Slots(concurrency)
        self.rate = RateLimiter(requests_per_minute, tokens_per_minute)


class Connection:
    """Where requests go, with which key and headers, and over which clients.

    `options` are complete (`complete_options`). Works from any thread and event loop, and after a
    fork. A pickle contains neither key, client nor the caller's headers: once loaded, it looks for
    its key in the environment (`key_names`). Raises `AuthenticationError` where `key_required_by`
    names a class and there is no key, `InvalidInputError` for an unusable address, key, header or
    certificate.
    """

    def __init__(
        self,
        base_url: str,
        options: HTTPOptions,
        *,
        key_names: tuple[str, ...] = (),
        key_required_by: str | None = None,
    ) -> None:
        key = find_key(options["api_key"], key_names, key_required_by)
        self.base_url = check_base_url(
            base_url, has_key=key is not None, allow_http_key=options["allow_http_key"]
        )
        self._key = Secret(key) if key else None
        self._key_names = key_names
        self._headers = hide_headers(options["headers"])
        self._client_options = (options["timeout"], options["proxy"], options["verify"])
        client_arguments(*self._client_options)  # raises now if the certificates are missing
        self._given, self._given_async = options["client"], options["async_client"]
        self._limits = (
            options["max_concurrency"],
            options["requests_per_minute"],
            options["tokens_per_minute"],
        )
        self._state = _ProcessState(*self._limits)

    @property
    def key(self) -> str | None:
        """The key, to be sent, and to be removed from what a service says in errors."""
        return self._key.reveal() if self._key is not None else None

    @property
    def limits(self) -> SharedLimits:
        """The limits that all calls share."""
        return self._this_process.limits

    def request(self, path: str, body: dict[str, Any]) -> Request:
        """A POST of this JSON; lone surrogates in it become question marks."""
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return Request(self.base_url + path, self._request_headers(), content)

    def question(self, path: str) -> Request:
        """A GET, for what a server says of itself."""
        return Request(self.base_url + path, self._request_headers(), b"", "GET")

    def _request_headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **{name: value.reveal() for name, value in self._headers.items()},
        }
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return headers

    def client(self) -> httpx.Client:
        """The client of the synchronous calls, opened on first use."""
        return self._given or self._this_process.client(self._make_client)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[httpx.AsyncClient]:
        """The caller's client, or the running loop's between `enter` and `aclose`, or a new one."""
        client = self._given_async or self._this_process.loop_client()
        if client is not None:
            yield client
            return
        async with self._make_async_client() as client:  # a client belongs to one loop
            yield client

    def enter(self) -> None:
        """From now on the async calls of the running loop share one client."""
        self._this_process.open_loop_client(self._make_async_client)

    def close(self) -> None:
        """Close the client of the synchronous calls; the next call opens another."""
        self._this_process.close()

    async def aclose(self) -> None:
        """As `close`, and close the running loop's client."""
        self._this_process.close()
        await self._this_process.aclose()

    def _make_client(self) -> httpx.Client:
        return httpx.Client(**client_arguments(*self._client_options))

    def _make_async_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**client_arguments(*self._client_options))

    @property
    def _this_process(self) -> _ProcessState:
        if self._state.process != os.getpid():
            _INHERITED_BY_FORK.append(self._state)
            self._state = _ProcessState(*self._limits)
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("_key", "_given", "_given_async", "_state")
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


def client_arguments(
    timeout: float | httpx.Timeout,
    proxy: str | httpx.Proxy | None,
    verify: ssl.SSLContext | str | Path | None,
) -> dict[str, Any]:
    """What an httpx client is made with. Proxies of the environment apply unless one is given.

    Raises `InvalidInputError` where `verify` names a file without certificates.
    """
    if isinstance(verify, (str, Path)):
        try:
            verify = ssl.create_default_context(cafile=str(verify))
        except OSError as error:
            raise InvalidInputError(f"verify: no certificates in {verify}: {error}") from None
    context = verify or _system_context(
        os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    )
    return {"timeout": timeout, "proxy": proxy, "verify": context}


@functools.cache
def _system_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than a request on loopback."""
    return httpx.create_ssl_context()


_INHERITED_BY_FORK: list[object] = []
"""Never closed: threads that a fork did not copy may hold the locks of what is in here."""


class _ProcessState:
    """What one process has open: a client, one more for each event loop within `async with`."""

    def __init__(
        self, concurrency: int, requests_per_minute: int | None, tokens_per_minute: int | None
    ) -> None:
        self.process = os.getpid()
        self.limits = SharedLimits(concurrency, requests_per_minute, tokens_per_minute)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._by_loop: weakref.WeakKeyDictionary[Any, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    def client(self, make: Callable[[], httpx.Client]) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = make()
                # For callers who never close the reranker.
                weakref.finalize(self, _close_if_ours, self._client, self.process)
            return self._client

    def loop_client(self) -> httpx.AsyncClient | None:
        with self._lock:
            return self._by_loop.get(asyncio.get_running_loop())

    def open_loop_client(self, make: Callable[[], httpx.AsyncClient]) -> None:
        with self._lock:
            loop = asyncio.get_running_loop()
            if loop not in self._by_loop:
                self._by_loop[loop] = make()

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        with self._lock:
            client = self._by_loop.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


def _close_if_ours(client: httpx.Client, process: int) -> None:
    if os.getpid() == process:
        client.close()
