"""Files attached to a mail: which loader reads each, and what they may cost together."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import PurePosixPath

from mmrerank.loaders.base import Chunk
from mmrerank.loaders.files import LOADERS

__all__ = ["Attachment", "AttachmentLimits", "LeftOutError"]

_MAX_COUNT = 200
_MAX_DEPTH = 8  # of mails within mails
_MAX_BYTES = 96 * 2**20  # of all together, decoded
_MAX_SECONDS = 300.0  # of reading all of them


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail, decoded, or a mail within it, which is a `message`.

    `name` is what the mail calls it: it is shown and chooses the loader, but is never part of a
    path. `kind` is its MIME type.
    """

    name: str
    kind: str
    data: bytes = b""
    message: EmailMessage | None = None

    @property
    def suffix(self) -> str:
        """The suffix of the loader that reads it, by its name or else by its type; "" if none does."""
        named = PurePosixPath(self.name).suffix.lower()
        if named in LOADERS:
            return named
        guessed = mimetypes.guess_extension(self.kind)
        if guessed is not None and guessed in LOADERS:
            return guessed
        return ".txt" if self.kind.startswith("text/") else ""


class LeftOutError(Exception):
    """An attachment, or the rest of it, is not read; the message says why."""


class AttachmentLimits:
    """What the attachments of a mail may cost together; those of mails within it count too."""

    def __init__(self) -> None:
        self._count, self._bytes, self._seconds, self._depth = 0, 0, 0.0, 0

    def add(self, attachment: Attachment) -> None:
        """Count an attachment that is about to be read; raises `LeftOutError` if it is one too many."""
        self._count += 1
        if self._count > _MAX_COUNT:
            raise LeftOutError(f"the limit is {_MAX_COUNT} attachments")
        if self._bytes + len(attachment.data) > _MAX_BYTES:
            raise LeftOutError(f"the limit is {_MAX_BYTES} bytes of attachments")
        self._bytes += len(attachment.data)
        self._check_time()

    def within(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The chunks of a mail within another; raises `LeftOutError` where it is too deep inside.

        The time of its own attachments counts by itself.
        """
        if self._depth == _MAX_DEPTH:
            raise LeftOutError(f"the limit is {_MAX_DEPTH} mails within each other")
        self._depth += 1
        try:
            yield from chunks
        finally:
            self._depth -= 1

    def timed(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The chunks of an attachment; raises `LeftOutError` when the time for reading them is over.

        The caller's own time between two chunks does not count.
        """
        is_late = False
        while True:
            started = time.monotonic()
            try:
                chunk = next(chunks, None)
            finally:
                self._seconds += time.monotonic() - started
            if chunk is None:
                return
            if is_late:
                self._check_time()
            yield chunk
            is_late = self._is_late()

    def _is_late(self) -> bool:
        return self._seconds > _MAX_SECONDS

    def _check_time(self) -> None:
        if self._is_late():
            raise LeftOutError(f"reading the attachments took longer than {_MAX_SECONDS:g} s")
