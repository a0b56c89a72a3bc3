"""How a reranker reaches its service: address, key, clients, and what all its calls share."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from mmrerank.http.limits import Rate, Slots
from mmrerank.http.options import Secret, check_url, checked_headers, client_options, find_key
from mmrerank.http.wire import Request

__all__ = ["Connection", "Pace"]


class Pace:
    """The limits of all calls of one reranker together."""

    def __init__(self, at_once: int, requests: int | None, tokens: int | None) -> None:
        self.slots = Slots(at_once)
        self.rate = Rate(requests, tokens)


class Connection:
    """Where requests go, with which key and headers, and over which clients.

    Works from any thread and event loop, and after a fork. A pickle holds no key, no client
    and none of the caller's headers: what comes out of it looks for its key in the environment
    (`key_names`).
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        key_names: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout = 60.0,
        proxy: str | httpx.Proxy | None = None,
        verify: ssl.SSLContext | str | Path | None = None,
        allow_http_key: bool = False,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
        pace: tuple[int, int | None, int | None] = (5, None, None),
    ) -> None:
        self.base_url = check_url(base_url, with_key=bool(key), allow_http_key=allow_http_key)
        self._key = Secret(key) if key else None
        self._key_names = key_names
        self._headers = checked_headers(headers)
        self._options = (timeout, proxy, verify)
        client_options(*self._options)  # raises now for certificates that are not there
        self._given, self._given_async = client, async_client
        self._pace = pace
        self._open = _Open(*pace)

    @property
    def secret(self) -> str | None:
        """The key, to be sent, and to be cut from what a service says."""
        return self._key.reveal() if self._key is not None else None

    @property
    def pace(self) -> Pace:
        """The limits that all calls share."""
        return self._opened.pace

    def request(self, path: str, body: dict[str, Any]) -> Request:
        """A POST of this JSON. Characters that are no Unicode become question marks."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **{name: value.reveal() for name, value in self._headers.items()},
        }
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return Request(self.base_url + path, headers, content)

    def client(self) -> httpx.Client:
        """The client of the synchronous calls, opened on first use."""
        return self._given or self._opened.client(self._make)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[httpx.AsyncClient]:
        """The client given, or the running loop's between `enter` and `aclose`, or a new one."""
        kept = self._given_async or self._opened.kept()
        if kept is not None:
            yield kept
            return
        async with self._make_async() as client:  # it belongs to one loop, a reranker to none
            yield client

    def enter(self) -> None:
        """From now on the async calls of the running loop share one client."""
        self._opened.keep(self._make_async)

    def close(self) -> None:
        """Close the client of the synchronous calls; the next call opens another."""
        self._opened.close()

    async def aclose(self) -> None:
        """Close it, and the running loop's client."""
        self._opened.close()
        await self._opened.aclose()

    def _make(self) -> httpx.Client:
        return httpx.Client(**client_options(*self._options))

    def _make_async(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**client_options(*self._options))

    @property
    def _opened(self) -> _Open:
        if self._open.process != os.getpid():
            _FROM_PARENTS.append(self._open)
            self._open = _Open(*self._pace)
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        dropped = ("_key", "_given", "_given_async", "_open")
        return {**self.__dict__, **dict.fromkeys(dropped), "_headers": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        key = find_key(None, state["_key_names"], None)
        self.__dict__.update(state, _key=Secret(key) if key else None, _open=_Open(*state["_pace"]))

    def __deepcopy__(self, memo: dict[int, Any]) -> Connection:
        """A copy in the same process keeps the key and the caller's own clients."""
        copied = Connection.__new__(Connection)
        copied.__dict__.update(self.__dict__, _open=_Open(*self._pace))
        return copied


_FROM_PARENTS: list[object] = []
"""What came through a fork. Never closed: its locks may be held by threads that are not there."""


class _Open:
    """What is open in one process: a client, one more for each event loop that keeps one."""

    def __init__(self, at_once: int, requests: int | None, tokens: int | None) -> None:
        self.process = os.getpid()
        self.pace = Pace(at_once, requests, tokens)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._loops: weakref.WeakKeyDictionary[Any, httpx.AsyncClient] = weakref.WeakKeyDictionary()

    def client(self, make: Callable[[], httpx.Client]) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = make()
                # For those who never close.
                weakref.finalize(self, _close_if_ours, self._client, self.process)
            return self._client

    def kept(self) -> httpx.AsyncClient | None:
        with self._lock:
            return self._loops.get(asyncio.get_running_loop())

    def keep(self, make: Callable[[], httpx.AsyncClient]) -> None:
        with self._lock:
            loop = asyncio.get_running_loop()
            if loop not in self._loops:
                self._loops[loop] = make()

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        with self._lock:
            client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


def _close_if_ours(client: httpx.Client, process: int) -> None:
    if os.getpid() == process:
        client.close()
