"""The file of a ledger in SQLite: connections to read with, and transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.index.schema import VERSION, migrate

__all__ = ["SQLiteFile"]

_CACHE = 16_000  # KiB of the file that each connection keeps in memory
_BUSY = 30.0  # seconds that one statement waits for another process's transaction


class SQLiteFile:
    """A file with the tables of a ledger, made if it is missing.

    Raises `StoreError` where it is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_closed = False
        self._idle: list[sqlite3.Connection] = []  # for reading; those in use are not here
        with self._errors():
            self._database = self._connect(create=True)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise
        self._file = _identity(path)

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreError(
                f"{self.path} was written by a newer version of mmrerank "
                f"(its schema is {version}, the newest known here is {VERSION})"
            )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")  # a swap survives a power cut
        self._database.execute("PRAGMA foreign_keys = ON")
        if version < VERSION:
            migrate(self._database, version)

    def _connect(self, *, create: bool = False) -> sqlite3.Connection:
        name = f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        database = sqlite3.connect(name, uri=True, timeout=_BUSY, check_same_thread=False)
        database.execute(f"PRAGMA cache_size = -{_CACHE}")
        return database

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._is_closed = True
        self._database.close()
        while self._idle:
            self._idle.pop().close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT statement. Raises `StoreError`."""
        with self._errors(), self._connection() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Each thread has its own while it reads: SQLite lets one
        statement at a time run on a connection.
        """
        self._check_file()
        try:
            database = self._idle.pop()
        except IndexError:
            database = self._connect()
        try:
            yield database
        finally:
            if self._is_closed:
                database.close()
            else:
                self._idle.append(database)

    def _check_file(self) -> None:
        """An open file that was deleted can still be read and written, without any effect."""
        if self._is_closed:
            raise StoreError(f"{self.path} is closed")
        if _identity(self.path) != self._file:
            raise StoreError(f"{self.path} was deleted or replaced while it was open")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements of the block, or none of them. Raises `StoreError`."""
        with self._errors():
            self._check_file()
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.rollback()
                raise
            self._database.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:  # a full disk, a damaged file, no permission
            raise StoreError(f"{self.path}: {error}") from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path names now; None for none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
