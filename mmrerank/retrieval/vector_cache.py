"""Vectors in memory, by a hash of what they were made from."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from mmrerank.errors import InvalidInputError

__all__ = ["VectorCache"]

_OVERHEAD = 200  # bytes of an entry beside its numbers: the key, the array and a place in the table


class VectorCache:
    """At most `max_bytes` of vectors; those used last stay. 0 keeps none. Safe in threads.

    A copy in another process begins empty. Raises `InvalidInputError` for a size below 0.
    """

    def __init__(self, max_bytes: int) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 0:
            raise InvalidInputError(
                f"cache_bytes is a number of bytes from 0 on, not {max_bytes!r}"
            )
        self.max_bytes = max_bytes
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._vectors: OrderedDict[str, array[float]] = OrderedDict()
        self._bytes = 0

    def __getstate__(self) -> int:
        return self.max_bytes

    def __setstate__(self, state: int) -> None:
        self.max_bytes = state
        self._start()

    def known(self, keys: Iterable[str]) -> dict[str, array[float]]:
        """The vectors of those keys that are here."""
        with self._lock:
            found = {key: self._vectors[key] for key in keys if key in self._vectors}
            for key in found:
                self._vectors.move_to_end(key)
        return found

    def keep(self, vectors: Mapping[str, array[float]]) -> None:
        """Add vectors, and forget those that were not used for longest where room is needed."""
        with self._lock:
            for key, vector in vectors.items():
                old = self._vectors.pop(key, None)
                self._bytes += _size(vector) - (0 if old is None else _size(old))
                self._vectors[key] = vector
            while self._bytes > self.max_bytes:
                _, gone = self._vectors.popitem(last=False)
                self._bytes -= _size(gone)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._vectors.clear()
            self._bytes = 0


def _size(vector: array[float]) -> int:
    return len(vector) * vector.itemsize + _OVERHEAD
