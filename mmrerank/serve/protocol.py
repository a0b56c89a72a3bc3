"""HTTP/1.1 with limits: a head that is too long or does not arrive, an answer that nobody reads."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mmrerank.serve.settings import Settings

__all__ = ["LimitedProtocol", "protocol_with"]

_MOST_HEAD = 64 * 1024  # bytes
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn itself has a time limit only for connections that are idle after an answer.

    httptools, unlike h11, does not bound what it keeps: a line that does not end, or many lines.
    """

    head_seconds = 10.0
    write_seconds = 30.0
    _head: asyncio.TimerHandle | None = None
    _write: asyncio.TimerHandle | None = None
    _line_ended = False  # in the data that is parsed
    _unended = 0  # bytes of a line that has not ended
    _head_bytes = 0  # of the lines of this request's head, and of what may follow its body

    def connection_made(self, transport: Any) -> None:
        """A connection begins, and its first head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Data came: part of a head, which stays awaited, or the end of one."""
        self._line_ended = False
        super().data_received(_without_upgrade(data) if self._is_idle() else data)
        self._unended = 0 if self._line_ended else self._unended + len(data)
        if self._unended > _MOST_HEAD:
            self.transport.abort()
        # After an answer come the next head, or the rest of a body that was refused.
        if self._is_idle():
            self._await_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._line_ended, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        """Part of the address. Raises `HttpParserError` for a head that is too long: 400."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or one that follows the body. Raises as `on_url`."""
        self._line_ended = True
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head ends. Raises as `on_url` for one that begins another protocol."""
        if self.parser.should_upgrade():
            raise HttpParserError("another protocol")
        self._line_ended = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._line_ended = True
        super().on_body(body)

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

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > _MOST_HEAD:
            raise HttpParserError("the head is too long")


def _without_upgrade(data: bytes) -> bytes:
    """A head whose offer of another protocol has a name that means nothing.

    An offer may be ignored (Java's client makes one of HTTP/2 with each request), but httptools
    would not read the body of such a request.
    """
    end = data.find(b"\r\n\r\n")
    found = _UPGRADE.search(data, 0, end if end >= 0 else len(data))
    return data if found is None else data[: found.start()] + b"\r\nx-" + data[found.start() + 2 :]


def protocol_with(settings: Settings) -> type[LimitedProtocol]:
    """The protocol with the times of these settings."""

    class WithTimes(LimitedProtocol):
        head_seconds = settings.head_seconds
        write_seconds = settings.write_seconds

    return WithTimes
