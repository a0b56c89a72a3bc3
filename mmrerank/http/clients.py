"""The httpx clients of one process: each call has one for itself and gives it back.

So a call that is given up at its deadline closes its own connections only, and `close` waits for
no call and breaks none: clients in use are closed when they come back.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx

from mmrerank.errors import InvalidInputError

__all__ = ["Clients", "client_arguments", "make_client"]

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


class _Idle(Generic[C]):
    """Clients that no call uses, at most `most`. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._clients: list[C] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def take(self, make: Callable[[], C]) -> C:
        """The client that was used last, since its connections are the most likely to be open."""
        with self._lock:
            if self._clients:
                return self._clients.pop()
        return make()

    def keep(self, client: C) -> bool:
        """Keep the client for another call; False if the caller must close it."""
        with self._lock:
            if self._is_closed or client.is_closed or len(self._clients) >= self._most:
                return False
            self._clients.append(client)
            return True

    def close(self) -> list[C]:
        """From now on keep none; the clients until now, for the caller to close."""
        with self._lock:
            self._is_closed = True
            clients, self._clients = self._clients, []
            return clients


class Clients:
    """The clients of the synchronous calls, and of each event loop within `async with`.

    At most `most` idle ones are kept of each kind. Works from any thread and event loop; after a
    fork, the child needs another.
    """

    def __init__(self, most: int) -> None:
        self.process = os.getpid()
        self._most = most
        self._lock = threading.Lock()
        self._idle = self._new_idle()
        self._by_loop: weakref.WeakKeyDictionary[Any, _Idle[httpx.AsyncClient]] = (
            weakref.WeakKeyDictionary()
        )

    def _new_idle(self) -> _Idle[httpx.Client]:
        idle: _Idle[httpx.Client] = _Idle(self._most)
        # For callers who never close the reranker.
        self._at_end = weakref.finalize(self, _close_if_ours, idle, self.process)
        return idle

    @contextmanager
    def client(self, make: Callable[[], httpx.Client]) -> Iterator[httpx.Client]:
        """A client for one synchronous call."""
        with self._lock:
            idle = self._idle
        client = idle.take(make)
        try:
            yield client
        finally:
            if not idle.keep(client):
                client.close()

    @asynccontextmanager
    async def async_client(
        self, make: Callable[[], httpx.AsyncClient]
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one asynchronous call; kept for others within `async with` only."""
        with self._lock:
            idle = self._by_loop.get(asyncio.get_running_loop())
        client = make() if idle is None else idle.take(make)
        try:
            yield client
        finally:
            if idle is None or not idle.keep(client):
                await client.aclose()

    def enter(self) -> None:
        """From now on keep the clients of the running loop."""
        with self._lock:
            self._by_loop.setdefault(asyncio.get_running_loop(), _Idle(self._most))

    def close(self) -> None:
        """Close the idle clients of the synchronous calls now, those in use after their calls."""
        with self._lock:
            self._at_end.detach()
            idle, self._idle = self._idle, self._new_idle()
        for client in idle.close():
            client.close()

    async def aclose(self) -> None:
        """As `close`, for the running loop."""
        with self._lock:
            idle = self._by_loop.pop(asyncio.get_running_loop(), None)
        for client in idle.close() if idle is not None else ():
            await client.aclose()


def _close_if_ours(idle: _Idle[httpx.Client], process: int) -> None:
    if os.getpid() == process:
        for client in idle.close():
            client.close()


def make_client(kind: type[C], arguments: dict[str, Any]) -> C:
    """A client of this kind. Raises `InvalidInputError` for proxies that httpx cannot use."""
    try:
        return kind(**arguments)
    except ImportError:
        raise InvalidInputError(
            "a SOCKS proxy needs socksio: install it with: pip install httpx[socks]"
        ) from None
    except (httpx.InvalidURL, ValueError):
        # Without httpx's own words: they may repeat the proxy's password.
        raise InvalidInputError(
            "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY in the environment is no address"
        ) from None


def client_arguments(
    timeout: float | httpx.Timeout,
    proxy: httpx.Proxy | None,
    verify: ssl.SSLContext | str | Path | None,
    *,
    use_environment: bool = True,
) -> dict[str, Any]:
    """What an httpx client is made with; `use_environment` allows the environment's proxies.

    Raises `InvalidInputError` where `verify`, or SSL_CERT_FILE, names no certificates.
    """
    if isinstance(verify, (str, Path)):
        try:
            verify = ssl.create_default_context(cafile=str(verify))
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"verify: no certificates in {verify}: {error}") from None
    context = verify or _system_context(
        os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    )
    return {"timeout": timeout, "proxy": proxy, "verify": context, "trust_env": use_environment}


@functools.cache
def _system_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than a request on loopback."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise InvalidInputError(
            f"SSL_CERT_FILE ({file}) or SSL_CERT_DIR ({folder}) has no certificates: {error}"
        ) from None
