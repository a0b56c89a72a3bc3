"""The state cache on object storage, shared by machines: one compressed object an entry.

Reading an entry from there must be faster than computing it again, and must never make a query
fail. So entries are read side by side with one limit of time for all of them, written by a thread
in the background, and after an error the storage is left alone for a minute. Keys are hashes of
all that an entry depends on: an object never has to be replaced, except one that is damaged.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from mmrerank.errors import warn
from mmrerank.local.cache.compression import pack_entry, unpack_entry
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.object_storage import object_store, put_object, short_reason

__all__ = ["RemoteTier", "trim_objects"]

_FOLDER, _SUFFIX = "states", ".state"

_THREADS = 8  # requests at once

_PAUSE = 60.0  # seconds without requests after an error

_WAITING = 256 * 2**20  # bytes of entries that wait to be written; more are dropped

_RECOUNT = 0.05  # of the limit: bytes written before all objects are listed again

_TRIM_TO = 0.9  # of the limit, so that not every new object removes another


class RemoteTier:
    """Entries below a URL that `check_object_url` has checked, of at most `limit` bytes in all.

    Objects are removed in the order in which they were written, by the storage's own clock; the
    limit may be exceeded by 5 % for each machine that writes. Thread-safe. `warn`s once per outage.
    """

    def __init__(self, url: str, options: Mapping[str, str], *, limit: int, timeout: float) -> None:
        self.limit, self._url, self._timeout = limit, url, timeout
        self.errors = self.damaged = self.dropped = self.written = self.evictions = 0
        self._store = object_store(
            url, options, timeout=timeout, retries=1, extra="remote", purpose="remote states"
        )
        self._readers = ThreadPoolExecutor(_THREADS, "mmrerank-remote")
        self._changed = threading.Condition()
        self._queue: deque[tuple[str, CacheEntry]] = deque()
        self._queued = self._uncounted = 0
        self._is_writing = self._is_closed = self._is_patient = False
        self._writer: threading.Thread | None = None
        self._replace: set[str] = set()  # damaged objects
        self._resume_at = 0.0
        self._outage: str | None = None  # the reason of an outage that nobody was told of yet

    def get(self, keys: Sequence[str]) -> dict[str, CacheEntry]:
        """The entries that are there, on the CPU; empty if the storage does not answer in time."""
        if not keys or self._is_pausing():
            return {}
        reading = {key: self._readers.submit(self._read, key) for key in keys}
        # One limit for all: a storage that answers slowly costs a query no more than this.
        done, late = wait(reading.values(), timeout=self._timeout)
        for future in late:
            future.cancel()
        if late:
            self._fail(f"it did not answer within {self._timeout:g} s")
        found = {key: future.result() for key, future in reading.items() if future in done}
        self._tell_of_outage()
        return {key: entry for key, entry in found.items() if entry is not None}

    def _read(self, key: str) -> CacheEntry | None:
        if self._is_pausing():
            return None
        try:
            data = self._store.get(_path(key)).bytes()
        except FileNotFoundError:
            return None
        except Exception as error:
            self._fail(short_reason(error))
            return None
        try:
            return unpack_entry(key, bytes(data))
        except (ValueError, MemoryError):
            with self._changed:
                self.damaged += 1
                self._replace.add(key)
            return None

    def put(self, key: str, entry: CacheEntry) -> None:
        """Have an entry written in the background; dropped if too much waits already."""
        size = entry.nbytes
        self._tell_of_outage()
        with self._changed:
            if self._is_patient and not self._is_pausing():
                self._changed.wait_for(lambda: self._has_room(size), self._timeout)
            if self._is_closed or self._is_pausing() or not self._has_room(size):
                self.dropped += 1
                return
            self._queue.append((key, entry))
            self._queued += size
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_all, name="mmrerank-remote-writer", daemon=True
                )
                self._writer.start()
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return self._queued + size <= _WAITING or not self._queue

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Within it, `put` waits for room; at its end all that waits is written."""
        self._is_patient = True
        try:
            yield
        finally:
            self._is_patient = False
            self.flush()

    def flush(self) -> None:
        """Wait until all that was put is written, or until the storage fails."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or not (self._queue or self._is_writing))
        self._tell_of_outage()

    def close(self) -> None:
        """Write what waits, and end the threads. Safe to call twice."""
        self.flush()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _write_all(self) -> None:
        """The writer's thread."""
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._queue or self._is_closed)
                if not self._queue:
                    return
                key, entry = self._queue.popleft()
                self._queued -= entry.nbytes
                self._is_writing = True
                is_dropped = self._is_pausing()
                self.dropped += is_dropped
            if not is_dropped:
                self._write(key, entry)

    def _write(self, key: str, entry: CacheEntry) -> None:
        try:
            data = pack_entry(key, entry)
            if len(data) > self.limit:
                return
            # Another machine may have written the same entry meanwhile: then nothing is sent.
            if not put_object(self._store, _path(key), data, replaces=key in self._replace):
                return
        except Exception as error:
            self.dropped += 1
            self._fail(short_reason(error))
            return
        self._replace.discard(key)
        self.written += len(data)
        self._uncounted += len(data)
        if self._uncounted > self.limit * _RECOUNT:
            self._uncounted = 0
            try:
                self.evictions += trim_objects(self._store, self.limit)
            except Exception as error:
                self._fail(short_reason(error))

    def _is_pausing(self) -> bool:
        return time.monotonic() < self._resume_at

    def _fail(self, reason: str) -> None:
        """Leave the storage alone for a while."""
        with self._changed:
            self.errors += 1
            if not self._is_pausing():
                self._outage = reason
            self._resume_at = time.monotonic() + _PAUSE

    def _tell_of_outage(self) -> None:
        """Warn, once for each outage, in a thread of the caller: the user may raise warnings."""
        with self._changed:
            reason, self._outage = self._outage, None
        if reason is not None:
            warn(
                f"states on {self._url} are not used for {_PAUSE:.0f} seconds, but computed here: "
                f"{reason}"
            )


def trim_objects(store: Any, limit: int) -> int:
    """Remove the oldest states until they take less than `limit` bytes; how many were removed.

    Nothing is removed below the limit. Raises what obstore raises.
    """
    found = sorted(
        (one["last_modified"], one["size"], one["path"])
        for batch in store.list(prefix=_FOLDER)
        for one in batch
        if one["path"].endswith(_SUFFIX)
    )
    left = sum(size for _, size, _ in found)
    if left <= limit:
        return 0
    removed = []
    for _, size, path in found:
        if left <= limit * _TRIM_TO:
            break
        removed.append(path)
        left -= size
    store.delete(removed)
    return len(removed)


def _path(key: str) -> str:
    return f"{_FOLDER}/{key[:2]}/{key}{_SUFFIX}"
