"""Libraries with threads of their own, which cannot be used in a fork of a process that used them."""

from __future__ import annotations

import os

from mmrerank.errors import RerankError

__all__ = ["ForkGuard"]


class ForkGuard:
    """Raises `error(message)` where a library would wait without end for threads it does not have.

    A fork has only the thread that forked; it may use the library if its parent has not.
    """

    def __init__(self, error: type[RerankError], message: str) -> None:
        self._error, self._message = error, message
        self._process: int | None = None  # the one that has used the library

    def check(self) -> None:
        """To be called before each use of the library. Raises the error in a fork."""
        self._process = self._process or os.getpid()
        if self._process != os.getpid():
            raise self._error(self._message)
