"""HTTP/1.1 with limits on time: a head that does not arrive, an answer that nobody reads."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from mmrerank.serve.settings import Settings

__all__ = ["LimitedProtocol", "protocol_with"]


class LimitedProtocol(H11Protocol):
    """h11 and not httptools, since it bounds the size of a head.

    uvicorn itself has a time limit only for connections that are idle after an answer.
    """

    head_seconds = 10.0
    write_seconds = 30.0
    _head: asyncio.TimerHandle | None = None
    _write: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection begins, and its first head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Data came: part of a head, which stays awaited, or the end of one."""
        super().data_received(data)
        # After an answer come the next head, or the rest of a body that was refused.
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def pause_writing(self) -> None:
        """The client does not read what was sent."""
        super().pause_writing()
        self._write = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._write is not None:
            self._write.cancel()
            self._write = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        for timer in (self._head, self._write):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.head_seconds, self.transport.abort)


def protocol_with(settings: Settings) -> type[LimitedProtocol]:
    """The protocol with the times of these settings."""

    class WithTimes(LimitedProtocol):
        head_seconds = settings.head_seconds
        write_seconds = settings.write_seconds

    return WithTimes
