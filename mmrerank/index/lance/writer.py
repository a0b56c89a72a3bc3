"""Writing to an index at a URL: whole files, each by one commit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.rows import (
    aligned,
    caption_table,
    entry_of,
    entry_rows,
    entry_schema,
    entry_table,
    picture_table,
    vector_lengths,
)
from mmrerank.index.lance.storage import Place
from mmrerank.index.lance.table import Table, any_of
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pictures import Picture
from mmrerank.index.writer import CaptionRow
from mmrerank.object_storage import put_object
from mmrerank.optional import require
from mmrerank.retrieval.vector_store import TEXT

__all__ = ["LanceWriter"]

_ROWS = 1_000  # that wait for one commit: each takes tens of milliseconds, whatever is in it
_WAIT = 20.0  # seconds after which the next file causes the commit


class LanceWriter:
    """See `mmrerank.index.writer.Writer`; any number may work at the same time.

    Files wait until a commit is worth it. Whatever looks at what is written commits first.
    """

    def __init__(self, place: Place, ledger: LanceLedger, vectors: LanceVectors) -> None:
        self._place, self._ledger, self._vectors = place, ledger, vectors
        self._rows: dict[str, list[dict[str, Any]]] = {}  # by file
        self._touched: dict[str, list[dict[str, Any]]] = {}
        self._since = 0.0

    @classmethod
    @contextmanager
    def writing(
        cls,
        place: Place,
        ledger: LanceLedger,
        vectors: LanceVectors,
        timeout: float,
        on_wait: Callable[[], object] | None,
    ) -> Iterator[LanceWriter]:
        """A writer for the block. Nobody is waited for, so `timeout` and `on_wait` are not used.

        What is whole when the block ends is written, also if an error ended it.
        """
        del timeout, on_wait
        ledger.refresh()
        before = ledger.epoch()
        writer = cls(place, ledger, vectors)
        try:
            yield writer
        finally:
            writer.flush()
            vectors.waiting.clear()
        if ledger.epoch() != before:
            for table in ledger.tables:
                table.drop_copies()
            writer.tidy()

    def tidy(self) -> None:
        """Merge small fragments of the tables; see `Table.tidy`. Raises `StoreError`."""
        for table in self._ledger.tables:
            table.tidy()

    def flush(self) -> None:
        """Commit what waits. Raises `StoreError`; what could not be written is read again later."""
        waiting, self._rows = self._rows, {}
        touched, self._touched = self._touched, {}
        replacing, changed = (
            entry_table([row for rows in one.values() for row in rows]) if one else None
            for one in (waiting, touched)
        )
        self.write_files(replacing, touched=changed)

    # -- Arrow tables, each by one commit

    def write_files(self, rows: Any, *, touched: Any = None) -> None:
        """Write the rows of files in place of all that the index has of them.

        `touched` are those of files whose times alone have changed. Both may be None.
        """
        given = [one for one in (rows, touched) if one is not None]
        if not given:
            return
        made = require("pyarrow").concat_tables(given, promote_options="default")
        lengths, table = vector_lengths(made.schema), self._ledger.rows
        if table.opened() is None:
            if TEXT not in lengths:
                return  # only a touched file of an index that has none
            table.created(entry_schema({TEXT: lengths[TEXT]}))
        for name, length in lengths.items():
            self._vectors.add_column(name, length)
        paths = sorted(set(rows["path"].to_pylist())) if rows is not None else []
        instead_of = " OR ".join(any_of("path", paths)) if paths else None
        table.merge(aligned(made, table.opened().schema), instead_of=instead_of)

    def write_captions(self, rows: Any) -> None:
        """Put captions in place of older ones of their images."""
        self._ledger.caption_rows.created(rows.schema)
        self._ledger.caption_rows.merge(rows)

    def write_pictures(self, rows: Any) -> None:
        """Record what images show."""
        self._ledger.picture_rows.created(rows.schema)
        self._ledger.picture_rows.merge(rows)

    # -- the steps of the protocol

    def left_over(self) -> list[str]:
        """Nothing: a commit is whole, or is not there."""
        return []

    def intend(self, vector_ids: Iterable[str]) -> None:
        """Nothing: vectors are written with their entries."""

    def swap(
        self,
        file: FileRecord,
        entries: Sequence[Entry],
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Replace a file and all its entries, with the next commit; images are written now."""
        rows = self._rows_of(file, entries, images)
        if not self._rows:
            self._since = time.monotonic()
        self._touched.pop(file.path, None)
        self._rows[file.path] = rows
        late = time.monotonic() - self._since > _WAIT
        if late or sum(map(len, self._rows.values())) >= _ROWS:
            self.flush()

    def _rows_of(
        self, file: FileRecord, entries: Sequence[Entry], images: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The rows of a file with the vectors that wait for them; its images are written."""
        refs = [ref for entry in entries for ref in entry.images]
        facts = self._ledger.copies.upload(refs, file.path)
        ids = [entry.vector_id for entry in entries]
        vectors = {one: self._vectors.waiting.pop(one, {}) for one in ids}
        return entry_rows(file, entries, vectors, facts, images)

    def touch(self, file: FileRecord) -> None:
        """Record a file whose times changed, with the next commit."""
        if file.path in self._rows:
            self.flush()
        self._touched[file.path] = entry_rows(file, [], {}, {}, {})

    def remove(self, path: str) -> None:
        """Remove a file and all its entries."""
        self.flush()
        for where in any_of("path", [path]):
            self._ledger.rows.delete(where)

    def forget(self, vector_ids: Iterable[str]) -> None:
        """Nothing: no vector ids are kept apart."""

    def set_captions(self, rows: Sequence[CaptionRow]) -> None:
        """Put captions in place of older ones of their images."""
        if rows:
            self.write_captions(caption_table(rows))

    def remove_unused_captions(self) -> None:
        """Remove the captions of images that no entry refers to any more."""
        self._remove_unused(self._ledger.caption_rows)

    def add_image_vectors(self, images: Mapping[str, str]) -> None:
        """Record by vector id that images are embedded, or else why they cannot be."""
        self._set_image_problems(images)

    def forget_image_vectors(self, vector_ids: Iterable[str]) -> None:
        """Forget that images are embedded, so that they are embedded again."""
        self._set_image_problems(dict.fromkeys(vector_ids))

    def _set_image_problems(self, problems: Mapping[str, str | None]) -> None:
        self.flush()
        if problems and (opened := self._ledger.rows.opened()) is not None:
            pyarrow = require("pyarrow")
            columns = ("number", "image_problem")
            schema = pyarrow.schema([opened.schema.field(name) for name in columns])
            rows = [{"number": int(one), "image_problem": why} for one, why in problems.items()]
            self._ledger.rows.merge(pyarrow.Table.from_pylist(rows, schema), inserts=False)

    def add_pictures(self, pictures: Mapping[str, Picture]) -> None:
        """Record what images show, by reference."""
        self.write_pictures(picture_table(pictures))

    def forget_pictures(self) -> None:
        """Forget images that no entry refers to."""
        self._remove_unused(self._ledger.picture_rows)

    def _remove_unused(self, table: Table) -> None:
        """Remove the rows of images that no entry refers to."""
        self.flush()
        known = {row["ref"] for row in table.rows(["ref"])}
        unused = known - self._ledger.images() if known else set()
        for where in any_of("ref", sorted(unused)):
            table.delete(where)

    def remove_unused_images(self) -> int:
        """Remove images at the URL that nothing has referred to for a day; how many."""
        self.flush()
        self._ledger.refresh()
        return self._ledger.copies.remove_unused(self._ledger.images())

    def set_note(self, name: str, value: str) -> None:
        """Record a fact. Raises `StoreError` if another machine has just recorded another one."""
        objects, is_known = self._place.objects, self._ledger.note(name) is not None
        with self._place.errors("written"):
            if put_object(objects, f"notes/{name}", value.encode(), replaces=is_known):
                return
        if self._ledger.note(name) != value:
            raise StoreError(
                f"another machine has just begun this index with another {name.replace('_', ' ')}: "
                "open it again"
            )

    def damaged_files(self) -> dict[str, list[str]]:
        """Entries that cannot be read, are there twice, or belong to no file."""
        self.flush()
        rows = self._ledger.rows.rows(
            ["number", "id", "path", "kind", "page", "text", "words", "metadata", "images"]
        )
        paths = {row["path"] for row in rows if row["kind"] == "file"}
        counts = Counter(row["number"] for row in rows)
        found = {
            "entries are damaged": {r["path"] for r in rows if not _is_whole(r, self._place.url)},
            "entries are there twice": {r["path"] for r in rows if counts[r["number"]] > 1},
            "entries belong to no file": {r["path"] for r in rows} - paths,
        }
        return {what: sorted(map(str, files)) for what, files in found.items() if files}


def _is_whole(row: Mapping[str, Any], url: str) -> bool:
    if row["kind"] == "file":
        return True
    try:
        entry_of(row, url)
    except StoreError:
        return False
    return True
