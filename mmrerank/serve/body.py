"""Reading a request's body: never more than is allowed, and not for longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from mmrerank.serve.problems import RefusedError
from mmrerank.serve.settings import Settings

__all__ = ["Bodies"]


class Bodies:
    """Reads bodies, and counts the bytes of those that are held at the same time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = 0

    @property
    def held(self) -> int:
        """The bytes of all bodies that are held now."""
        return self._held

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """The body, which counts as held within the block.

        Raises `RefusedError`: 413 for one that is too large, before any of it is read where its
        length is told; 408 for one that takes too long; 429 while other bodies need the memory.
        Raises starlette's `ClientDisconnect` if the client leaves.
        """
        body = bytearray()
        try:
            await self._receive(request, body)
            yield body
        finally:
            self._held -= len(body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        self._check(_told_length(request), 0)
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.stream():
                    self._check(len(chunk), len(body))
                    body += chunk
                    self._held += len(chunk)
        except TimeoutError:
            raise RefusedError(408, "body_timeout", "the body did not arrive in time") from None

    def _check(self, more: int, have: int) -> None:
        limit = self._settings.max_body_bytes
        if have + more > limit:
            raise RefusedError(413, "body_too_large", f"a body has at most {limit} bytes")
        if self._held + more > self._settings.max_held_bytes:
            raise RefusedError(
                429, "busy", "other requests need the memory; try again", retry_after=1.0
            )


def _told_length(request: Request) -> int:
    """The length that the client told; 0 if it told none. The HTTP parser has checked it."""
    value = request.headers.get("content-length", "0")
    return int(value) if value.isascii() and value.isdigit() else 0
