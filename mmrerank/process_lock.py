"""A lock between processes, which ends with its holder, whatever ends it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmrerank.errors import StoreError

__all__ = ["process_lock"]

_LOOK_AGAIN = 0.02  # seconds between the first looks at a lock that another holds
_LONGEST_PAUSE = 0.2


@contextmanager
def process_lock(
    path: Path,
    *,
    timeout: float,
    on_wait: Callable[[], object] | None = None,
    busy: str = "another process has the lock",
) -> Iterator[None]:
    """Hold the lock of a file, which is made if it is missing, until the end of the block.

    Whoever else holds it, a process or another thread, is waited for, at most `timeout` seconds;
    `on_wait` is called once if there is someone. The lock is a transaction in a SQLite database
    of its own: portable, and gone with the process. Raises `StoreError`, with `busy` after the
    time limit.
    """
    try:
        # The lock may end in another thread than it began in.
        database = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    try:
        _wait(database, path, time.monotonic() + timeout, on_wait, busy)
        yield
    finally:
        database.close()


def _wait(
    database: sqlite3.Connection,
    path: Path,
    deadline: float,
    on_wait: Callable[[], object] | None,
    busy: str,
) -> None:
    pause = _LOOK_AGAIN
    while not _try(database, path):
        if time.monotonic() >= deadline:
            raise StoreError(busy)
        if on_wait is not None:
            on_wait()
            on_wait = None
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _try(database: sqlite3.Connection, path: Path) -> bool:
    try:
        database.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise StoreError(f"{path}: {error}") from error
        return False
    except sqlite3.Error as error:  # the file is damaged
        raise StoreError(f"{path}: {error}") from error
    return True
