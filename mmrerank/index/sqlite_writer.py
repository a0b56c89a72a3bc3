"""Changing the ledger of a folder: one writer at a time, and four steps that survive a kill.

A vector store alone cannot be trusted: it has no transactions over several writes, and two
processes that write to it lose entries. So vectors are written under new ids first, and one
transaction of the ledger makes them live. What a killed process leaves behind is known by its
intents, and the next writer removes it. The steps are in `mmrerank.index.writer`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pictures import Picture
from mmrerank.index.sqlite_ledger import IMAGES, SQLiteLedger
from mmrerank.index.writer import CaptionRow
from mmrerank.loaders.saving import remove_unused
from mmrerank.process_lock import process_lock

__all__ = ["SQLiteWriter", "writing"]


@contextmanager
def writing(
    ledger: SQLiteLedger, *, timeout: float = 60.0, on_wait: Callable[[], object] | None = None
) -> Iterator[SQLiteWriter]:
    """Be the one writer of a ledger until the end of the block.

    Another writer is waited for, at most `timeout` seconds; `on_wait` is called once if there is
    one. Raises `StoreError`.
    """
    lock_file = ledger.path.with_name(f"{ledger.path.name}-writer")
    busy = f"another process is writing to the index in {ledger.path.parent}"
    with process_lock(lock_file, timeout=timeout, on_wait=on_wait, busy=busy):
        yield SQLiteWriter(ledger)


class SQLiteWriter:
    """The changes that the one writer makes; see `mmrerank.index.writer.Writer`."""

    def __init__(self, ledger: SQLiteLedger) -> None:
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

    def swap(
        self,
        file: FileRecord,
        entries: Sequence[Entry],
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Replace a file and all its entries; what was intended for it is live now."""
        with self._ledger.transaction() as database:
            _drop(database, file.path)
            database.execute(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?)",
                (file.path, file.size, file.modified, file.options, file.digest),
            )
            for entry in entries:
                _insert(database, entry)
            _insert_image_vectors(database, images)
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

    def set_captions(self, rows: Sequence[CaptionRow]) -> None:
        """Put captions (reference, key, model, JSON, words, vector) in place of older ones."""
        with self._ledger.transaction() as database:
            _delete_captions(database, [row[0] for row in rows])
            database.executemany(
                "INSERT INTO captions (ref, key, model, caption, words, vector) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            _grow_epoch(database)

    def remove_unused_captions(self) -> None:
        """Remove the captions of images that no entry refers to any more."""
        unused = self._ledger.rows(
            "SELECT ref FROM captions WHERE ref NOT IN (SELECT ref FROM images)"
        )
        if unused:
            with self._ledger.transaction() as database:
                _delete_captions(database, [row[0] for row in unused])
                _grow_epoch(database)

    def add_image_vectors(self, images: Mapping[str, str]) -> None:
        """Record by vector id that images are embedded, or else why they cannot be."""
        with self._ledger.transaction() as database:
            _insert_image_vectors(database, images)
            _grow_epoch(database)

    def forget_image_vectors(self, vector_ids: Iterable[str]) -> None:
        """Forget that images are embedded, so that they are embedded again."""
        with self._ledger.transaction() as database:
            database.executemany(
                "DELETE FROM image_vectors WHERE vector_id = ?", ((one,) for one in vector_ids)
            )

    def add_pictures(self, pictures: Mapping[str, Picture]) -> None:
        """Record what images show, by reference."""
        with self._ledger.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)",
                ((ref, one.whole, one.inner, one.words) for ref, one in pictures.items()),
            )

    def forget_pictures(self) -> None:
        """Forget images that no entry refers to. Without any, nothing is written."""
        unused = "FROM pictures WHERE ref NOT IN (SELECT ref FROM images)"
        if not self._ledger.rows(f"SELECT 1 {unused} LIMIT 1"):
            return
        with self._ledger.transaction() as database:
            database.execute(f"DELETE {unused}")

    def remove_unused_images(self) -> int:
        """Remove images that no entry refers to; how many."""
        return remove_unused(self._ledger.path.parent / IMAGES, self._ledger.images())

    def damaged_files(self) -> dict[str, list[str]]:
        """{}: SQLite keeps its rows whole."""
        return {}

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


def _insert_image_vectors(database: sqlite3.Connection, images: Mapping[str, str]) -> None:
    database.executemany("INSERT OR REPLACE INTO image_vectors VALUES (?, ?)", images.items())


def _delete_captions(database: sqlite3.Connection, refs: Iterable[str]) -> None:
    # Not by INSERT OR REPLACE, which leaves the triggers of the lexical index out.
    database.executemany("DELETE FROM captions WHERE ref = ?", ((ref,) for ref in refs))


def _grow_epoch(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO notes VALUES ('epoch', '1') "
        "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
