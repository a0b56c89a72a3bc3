"""The body of an answer: decoded piece by piece, and never longer than the limit.

httpx decodes whole pieces before anyone can count, however many encodings are nested, so that a
few hundred bytes can fill the memory. Here raw bytes come in, and at most one gzip is undone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from mmrerank.errors import InvalidResponseError

__all__ = ["MAX_BYTES", "Body"]

MAX_BYTES = 64 * 2**20  # a service that echoes images must not fill the memory

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say: with the header and checksum of gzip


class Body:
    """Collects the pieces of one answer, encoded as its `Content-Encoding` header says.

    Raises `InvalidResponseError`, which names `model`, for an encoding other than identity and
    gzip, for broken gzip, and as soon as there are more than `max_bytes` bytes. `mask` takes
    secrets out of its text.
    """

    def __init__(
        self,
        encoding: str,
        model: str,
        max_bytes: int = MAX_BYTES,
        mask: Callable[[str], str] = str,
    ) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise InvalidResponseError(
                f"{model}: the answer is encoded as {mask(name)[:40]!r}, which was not asked for"
            )
        self._gzip = zlib.decompressobj(_GZIP) if "gzip" in name else None
        self._content = bytearray()
        self._model, self._max_bytes = model, max_bytes

    def add(self, piece: bytes) -> None:
        """Decode and keep a piece of the answer as it was received."""
        self._content += self._decoded(piece) if self._gzip is not None else piece
        if len(self._content) > self._max_bytes:
            raise InvalidResponseError(
                f"{self._model}: the answer is longer than {self._max_bytes} bytes"
            )

    def content(self) -> bytes:
        """The whole body, once all pieces were added."""
        if self._gzip is not None and self._content and not self._gzip.eof:
            raise InvalidResponseError(f"{self._model}: the answer's gzip ends too early")
        return bytes(self._content)

    def _decoded(self, piece: bytes) -> bytes:
        """At most one byte more than may still come; what follows the end of gzip is ignored."""
        assert self._gzip is not None
        try:
            return self._gzip.decompress(piece, self._max_bytes - len(self._content) + 1)
        except zlib.error as error:
            raise InvalidResponseError(
                f"{self._model}: the answer's gzip is broken: {error}"
            ) from None
