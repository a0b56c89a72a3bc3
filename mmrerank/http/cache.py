"""The score cache: in memory, or in an sqlite file that outlives the process."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mmrerank.errors import InvalidInputError, warn

__all__ = ["ScoreCache"]

T = TypeVar("T")

_FAILURES = (sqlite3.Error, UnicodeError)
"""UnicodeError: sqlite quotes names from a damaged file in its messages."""

_KEYS_PER_QUERY = 500  # sqlite allows a few thousand parameters a statement, older ones 999


class ScoreCache:
    """Remembers scores for `HTTPReranker(cache=...)`; several rerankers may share one.

    ::

        reranker = JinaReranker(cache=ScoreCache())                  # in memory
        reranker = JinaReranker(cache=ScoreCache("scores.sqlite"))   # on disk

    Stores hashes and numbers only, never text or images. Beyond `max_entries` the oldest entries
    are evicted. What the file holds in place of a finite number counts as unknown. Several
    threads and processes may use the file at once. A file that cannot be
    opened raises `InvalidInputError`; if it fails later, a `RerankWarning` says so, and the
    scores are computed as if there were no cache.
    """

    def __init__(self, path: str | Path | None = None, *, max_entries: int = 1_000_000) -> None:
        if max_entries < 1:
            raise InvalidInputError(f"max_entries must be at least 1, not {max_entries}")
        self.path = None if path is None else Path(path)
        self.max_entries = max_entries
        self._file = _File(self.path)
        try:
            with self._file.lock:
                self._file.database()
        except (*_FAILURES, OSError, ValueError) as error:
            raise InvalidInputError(f"{path} cannot be used as a score cache: {error}") from None

    def get(self, keys: Iterable[bytes]) -> dict[bytes, float]:
        """The scores of those keys that are in the cache."""
        wanted = list(dict.fromkeys(keys))

        def read(database: sqlite3.Connection) -> dict[bytes, float]:
            scores: dict[bytes, float] = {}
            for i in range(0, len(wanted), _KEYS_PER_QUERY):
                some = wanted[i : i + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                scores.update(
                    database.execute(
                        f"SELECT key, score FROM scores WHERE key IN ({marks})"  # noqa: S608  # marks are ?
                        " AND typeof(score) = 'real'",  # others may have written to the file
                        some,
                    )
                )
            return {key: score for key, score in scores.items() if math.isfinite(score)}

        return self._run(read) or {}

    def put(self, scores: Mapping[bytes, float]) -> None:
        """Add these scores, and evict the oldest entries if there are too many."""

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", scores.items())
                database.execute(
                    "DELETE FROM scores WHERE rowid <= (SELECT max(rowid) FROM scores) - ?",
                    (self.max_entries,),
                )

        self._run(write)

    def close(self) -> None:
        """Close the file; the next use opens it again. A cache in memory is emptied."""
        file, self._file = self._file, _File(self.path)
        file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "max_entries": self.max_entries}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _file=_File(state["path"]))

    def _run(self, action: Callable[[sqlite3.Connection], T]) -> T | None:
        if self._file.process != os.getpid():
            self._file = _File(self.path)
        try:
            with self._file.lock:
                return action(self._file.database())
        except _FAILURES as error:
            place = f" {self.path}" if self.path is not None else ""
            warn(f"the score cache{place} failed: {error}")
            return None


class _File:
    """The database as opened by one process: neither connections nor locks survive a fork."""

    def __init__(self, path: Path | None) -> None:
        self.process = os.getpid()
        self.lock = threading.Lock()
        self._path = path
        self._database: sqlite3.Connection | None = None

    def database(self) -> sqlite3.Connection:
        """Opened on first use. Call it with the lock held."""
        if self._database is None:
            database = sqlite3.connect(self._path or ":memory:", timeout=5, check_same_thread=False)
            if self._path is not None:
                database.execute("PRAGMA journal_mode=WAL")  # readers do not wait for a writer
                database.execute("PRAGMA synchronous=NORMAL")  # a lost score is computed again
            database.execute("CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, score REAL)")
            self._database = database
        return self._database

    def close(self) -> None:
        with self.lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def __del__(self) -> None:
        if self._database is None:
            return
        if self.process == os.getpid():
            self._database.close()
        else:
            _INHERITED_BY_FORK.append(self._database)


_INHERITED_BY_FORK: list[object] = []
"""Never closed: closing one would undo the parent process's locks on the file."""
