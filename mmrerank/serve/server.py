"""A server that loads its model while it already answers, and ends without losing a request."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from mmrerank.errors import RerankError, warn
from mmrerank.serve.logs import log_event
from mmrerank.serve.protocol import protocol_with
from mmrerank.serve.service import Service

__all__ = ["Server", "listen"]

_LAST_WRITES = 5  # seconds for answers that are computed to be sent


def listen(host: str, port: int, *, has_keys: bool) -> socket.socket:
    """A socket that listens; port 0 is any free one.

    Warns if others than this machine can reach it and no key is asked for. Raises `RerankError`
    if it cannot listen there.
    """
    if not 0 <= port <= 65535:
        raise RerankError(f"a port is from 0 to 65535, not {port}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        raise RerankError(f"cannot listen on {host}:{port}: {error}") from None
    if not has_keys and not ipaddress.ip_address(found.getsockname()[0]).is_loopback:
        warn(f"{host} can be reached from other machines, and no key is asked for: set --keys")
    return found


class Server(uvicorn.Server):
    """uvicorn with a service: on SIGTERM or SIGINT it drains first, and then stops listening.

    A second signal ends it at once. `on_ready` is called once the model is loaded.
    """

    def __init__(
        self, app: FastAPI, service: Service, on_ready: Callable[[], object] | None = None
    ) -> None:
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_with(settings),
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=settings.max_connections,
                timeout_graceful_shutdown=_LAST_WRITES,
            )
        )
        self.service, self._on_ready = service, on_ready
        self._is_told_to_end = False
        self._draining: asyncio.Task[bool] | None = None

    def serve_on(self, listener: socket.socket) -> None:
        """Serve until a signal, or `stop`. Raises what loading the model raises."""
        self.run(sockets=[listener])
        if self.service.failure is not None:
            raise self.service.failure

    def stop(self) -> None:
        """Drain and end; may be called from another thread."""
        self._is_told_to_end = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, a second one ends."""
        if self._is_told_to_end:
            super().handle_exit(sig, frame)
            self.force_exit = True
        log_event("signal", name=signal.Signals(sig).name)
        self._is_told_to_end = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it time to drain, or to end?"""
        if self._on_ready is not None and self.service.is_ready:
            self._on_ready()
            self._on_ready = None
        if self._is_told_to_end and self._draining is None:
            self._draining = asyncio.ensure_future(self.service.drain())
        if self._draining is not None and self._draining.done():
            log_event("drained", all_answered=self._draining.result())
            self.should_exit = True
        if self.service.failure is not None:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop listening, send the last answers and free the model."""
        await super().shutdown(sockets)
        log_event("stopped")
