"""The ledger of an index: which files and entries are live, in SQLite beside the vectors.

A vector store alone cannot be trusted: it has no transactions over several writes, and two
processes that write to it lose entries. So vectors are written under new ids first, and one
transaction of the ledger makes them live. What a killed process leaves behind is known by its
intents, and the next writer removes it. Readers keep only what is live.

::

    1. intend       the ledger records the new vector ids
    2. (vectors)    the vector store takes them
    3. swap         one transaction replaces a file's entries; the old vector ids become garbage
    4. (vectors)    the vector store deletes the garbage, then the ledger forgets it
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.index.schema import VERSION, migrate

__all__ = ["Entry", "FileRecord", "Ledger", "Writer"]

_BUSY = 30.0  # seconds that one statement waits for another process's transaction
_LOOK_AGAIN = 0.2  # seconds between two looks at a lock that another writer has
_MAX_VARIABLES = 30_000  # in one SQL statement; SQLite takes 32,766

_SELECT = "SELECT number, id, vector_id, path, kind, page, text, words, metadata FROM entries"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the index: size in bytes, time of its last change in nanoseconds.

    `options` is a hash of the loader's options, `digest` the SHA-256 of the content.
    """

    path: str
    size: int
    modified: int
    options: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk or figure of a file. `vector_id` names its vector in the vector store.

    `words` are the tokens that the lexical route searches, separated by spaces: those of the text,
    the captions and the words in images. `images` are references relative to the image root.
    `number` is the ledger's own; 0 before the entry is written.
    """

    id: str
    vector_id: str
    path: str
    text: str
    words: str = ""
    kind: str = "text"
    page: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    number: int = 0


class Ledger:
    """A ledger, open for reading; `writing` lets one process at a time change it.

    Raises `StoreError` where the file is damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            # Several threads only read over this connection, which SQLite serialises.
            self._database = sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # a swap survives a power cut
            self._database.execute("PRAGMA foreign_keys = ON")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version < VERSION:
                migrate(self._database, version)
        if version > VERSION:
            raise StoreError(
                f"{path} was written by a newer version of mmrerank "
                f"(its schema is {version}, the newest known here is {VERSION})"
            )

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._database.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT statement. Raises `StoreError`."""
        with self._errors():
            return self._database.execute(statement, values).fetchall()

    # -- reading

    def epoch(self) -> int:
        """A number that grows with each change, whichever process makes it."""
        return int(self.note("epoch") or 0)

    def note(self, name: str) -> str | None:
        """A fact about the whole index, such as its embedder; None if it was never set."""
        rows = self.rows("SELECT value FROM notes WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def files(self) -> list[FileRecord]:
        """All files, ordered by path."""
        statement = "SELECT path, size, modified, options, digest FROM files ORDER BY path"
        return [FileRecord(*row) for row in self.rows(statement)]

    def __len__(self) -> int:
        return int(self.rows("SELECT count(*) FROM entries")[0][0])

    def vector_ids(self) -> set[str]:
        """All live vector ids."""
        return {row[0] for row in self.rows("SELECT vector_id FROM entries")}

    def entries(self, path: str) -> list[Entry]:
        """The entries of a file, in their order; [] for a file that is not in the index."""
        return self._entries(f"{_SELECT} WHERE path = ? ORDER BY number", path)

    def live(self, vector_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of those vector ids that are live."""
        return {entry.vector_id: entry for entry in self._matching("vector_id", vector_ids)}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Entry]:
        """The entries with these numbers that are live."""
        return {entry.number: entry for entry in self._matching("number", numbers)}

    def images(self) -> set[str]:
        """All images that live entries refer to."""
        return {row[0] for row in self.rows("SELECT DISTINCT ref FROM images")}

    def _matching(self, column: str, values: Sequence[Any]) -> Iterator[Entry]:
        for start in range(0, len(values), _MAX_VARIABLES):
            some = values[start : start + _MAX_VARIABLES]
            marks = ", ".join("?" * len(some))
            yield from self._entries(f"{_SELECT} WHERE {column} IN ({marks})", *some)

    def _entries(self, statement: str, *values: Any) -> list[Entry]:
        rows = self.rows(statement, values)
        refs = self._refs([row[0] for row in rows])
        return [
            Entry(
                number=number,
                id=id_,
                vector_id=vector_id,
                path=path,
                kind=kind,
                page=page,
                text=text,
                words=words,
                metadata=json.loads(metadata),
                images=tuple(refs.get(number, ())),
            )
            for number, id_, vector_id, path, kind, page, text, words, metadata in rows
        ]

    def _refs(self, numbers: Sequence[int]) -> dict[int, list[str]]:
        refs: dict[int, list[str]] = {}
        for start in range(0, len(numbers), _MAX_VARIABLES):
            some = numbers[start : start + _MAX_VARIABLES]
            marks = ", ".join("?" * len(some))
            for number, ref in self.rows(
                f"SELECT entry, ref FROM images WHERE entry IN ({marks}) ORDER BY entry, position",  # noqa: S608 - marks only
                some,
            ):
                refs.setdefault(number, []).append(ref)
        return refs

    # -- writing

    @contextmanager
    def writing(
        self, *, timeout: float = 60.0, on_wait: Callable[[], object] | None = None
    ) -> Iterator[Writer]:
        """Be the one writer until the end of the block.

        Another writer is waited for, at most `timeout` seconds; `on_wait` is called once if there
        is one. The lock is a transaction of a file of its own, so that it ends with the process
        whatever ends it. Raises `StoreError`.
        """
        lock = sqlite3.connect(self.path.with_name(f"{self.path.name}-writer"), timeout=0.0)
        try:
            self._wait_for(lock, time.monotonic() + timeout, on_wait)
            yield Writer(self)
        finally:
            lock.close()

    def _wait_for(
        self, lock: sqlite3.Connection, deadline: float, on_wait: Callable[[], object] | None
    ) -> None:
        told = False
        while True:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise StoreError(f"{self.path}: {error}") from error
            else:
                return
            if time.monotonic() >= deadline:
                raise StoreError(f"another process is writing to the index in {self.path.parent}")
            if on_wait is not None and not told:
                on_wait()
                told = True
            time.sleep(_LOOK_AGAIN)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements of the block, or none of them. Raises `StoreError`."""
        with self._errors():
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


class Writer:
    """The changes that the one writer makes; see the four steps at the top of this file."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def left_over(self) -> list[str]:
        """Vector ids that the vector store must delete: intents of killed writers, and garbage."""
        rows = self._ledger.rows(
            "SELECT vector_id FROM intents UNION SELECT vector_id FROM garbage"
        )
        return [row[0] for row in rows]

    def intend(self, vector_ids: Iterable[str]) -> None:
        """Record vector ids before the vector store takes them."""
        with self._ledger.transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO intents VALUES (?)", ((one,) for one in vector_ids)
            )

    def swap(self, file: FileRecord, entries: Sequence[Entry]) -> None:
        """Replace a file and all its entries; what was intended for it is live now."""
        with self._ledger.transaction() as database:
            _drop(database, file.path)
            database.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?)",
                (file.path, file.size, file.modified, file.options, file.digest),
            )
            for entry in entries:
                _insert(database, entry)
            _grow_epoch(database)

    def touch(self, file: FileRecord) -> None:
        """Record a file whose times changed and whose content did not."""
        with self._ledger.transaction() as database:
            database.execute(
                "UPDATE files SET size = ?, modified = ?, options = ?, digest = ? WHERE path = ?",
                (file.size, file.modified, file.options, file.digest, file.path),
            )

    def remove(self, path: str) -> None:
        """Remove a file and all its entries."""
        with self._ledger.transaction() as database:
            _drop(database, path)
            _grow_epoch(database)

    def forget(self, vector_ids: Iterable[str]) -> None:
        """Forget vector ids that the vector store has deleted."""
        rows = [(one,) for one in vector_ids]
        with self._ledger.transaction() as database:
            database.executemany("DELETE FROM intents WHERE vector_id = ?", rows)
            database.executemany("DELETE FROM garbage WHERE vector_id = ?", rows)

    def set_note(self, name: str, value: str) -> None:
        """Record a fact about the whole index."""
        with self._ledger.transaction() as database:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))


def _drop(database: sqlite3.Connection, path: str) -> None:
    database.execute(
        "INSERT OR IGNORE INTO garbage SELECT vector_id FROM entries WHERE path = ?", (path,)
    )
    # Not by the foreign key: its cascade would leave the triggers of the lexical index out.
    database.execute("DELETE FROM entries WHERE path = ?", (path,))
    database.execute("DELETE FROM files WHERE path = ?", (path,))


def _insert(database: sqlite3.Connection, entry: Entry) -> None:
    cursor = database.execute(
        "INSERT INTO entries (id, vector_id, path, kind, page, text, words, metadata) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.vector_id,
            entry.path,
            entry.kind,
            entry.page,
            entry.text,
            entry.words,
            json.dumps(entry.metadata, ensure_ascii=False),
        ),
    )
    database.executemany(
        "INSERT INTO images VALUES (?, ?, ?)",
        ((cursor.lastrowid, position, ref) for position, ref in enumerate(entry.images)),
    )
    database.execute("DELETE FROM intents WHERE vector_id = ?", (entry.vector_id,))
    database.execute("DELETE FROM garbage WHERE vector_id = ?", (entry.vector_id,))


def _grow_epoch(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO notes VALUES ('epoch', '1') "
        "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
