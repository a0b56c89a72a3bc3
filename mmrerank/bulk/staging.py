"""What workers have written and nobody has committed yet: a file for each batch, beside the index.

::

    URL/staged/RUN/began          written first; its time is the storage's clock
    URL/staged/RUN/DOCUMENTS.zip  Arrow files of what goes into each table, with checksums

Each commit takes its time whatever is in it, and commits of several writers are in each other's way.
So workers write files, and one process merges many of them into one commit. The name of a file
depends on its documents alone: a batch that is done again replaces its own files.
"""

from __future__ import annotations

import hashlib
import io
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mmrerank.bulk.source import Document
from mmrerank.errors import StoreError
from mmrerank.index.lance.rows import caption_table, entry_of, entry_table, picture_table
from mmrerank.index.lance.storage import Place
from mmrerank.index.lance.writer import LanceWriter
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pictures import Picture
from mmrerank.index.writer import CaptionRow
from mmrerank.optional import require

__all__ = ["Staged", "StagingArea", "StagingWriter"]

_FOLDER, _BEGAN = "staged", "began"
_KEPT = timedelta(days=1)
"""How long files of other runs stay. A run that goes on needs each of its own for some seconds."""
_AT_ONCE = 8  # files that are read side by side
_MOST_REMOVED = 1_000  # objects, by one request
_KEYS = {"files": "number", "touched": "number", "captions": "ref", "pictures": "ref"}


@dataclass(slots=True)
class Staged:
    """Arrow tables by what they are for; a table that would be empty is left out.

    "files": the rows of files that replace all that the index has of them; "touched": those of
    files whose times changed; "captions" and "pictures": those of images.
    """

    tables: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def joined(cls, several: Iterable[Staged]) -> Staged:
        """All rows of several, each key once: what was staged last."""
        listed, pyarrow = list(several), require("pyarrow")
        tables: dict[str, Any] = {}
        for name, key in _KEYS.items():
            if parts := [one.tables[name] for one in listed if name in one.tables]:
                table = pyarrow.concat_tables(parts, promote_options="default")
                rows = {value: i for i, value in enumerate(table[key].to_pylist())}
                tables[name] = table if len(rows) == len(table) else table.take([*rows.values()])
        return cls(tables)

    def __len__(self) -> int:
        return sum(map(len, self.tables.values()))

    def packed(self) -> bytes:
        """One file."""
        pyarrow, file = require("pyarrow"), io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, table in self.tables.items():
                sink = pyarrow.BufferOutputStream()
                with pyarrow.ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table)
                archive.writestr(f"{name}.arrow", sink.getvalue().to_pybytes())
        return file.getvalue()

    @classmethod
    def unpacked(cls, data: bytes) -> Staged:
        """The content of such a file. Raises `zipfile.BadZipFile` for one that is damaged."""
        pyarrow = require("pyarrow")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return cls(
                {
                    name.removesuffix(".arrow"): pyarrow.ipc.open_stream(
                        archive.read(name)
                    ).read_all()
                    for name in archive.namelist()
                }
            )


class StagingArea:
    """The staged files of one run. Raises `StoreError`."""

    def __init__(self, place: Place, run: str) -> None:
        self._place, self._folder = place, f"{_FOLDER}/{run}"

    @classmethod
    @contextmanager
    def of_run(cls, place: Place) -> Iterator[str]:
        """The name of a new run. Its files are removed when it ends, as are those of runs that
        were cut off over a day ago by the storage's clock, whatever the clocks of the machines.
        """
        run = uuid.uuid4().hex
        area = cls(place, run)
        began = f"{area._folder}/{_BEGAN}"
        with place.errors("written"):
            place.objects.put(began, b"")
            files = [one for some in place.objects.list(f"{_FOLDER}/") for one in some]
            now = {one["path"]: one["last_modified"] for one in files}[began]
            area.remove(one["path"] for one in files if now - one["last_modified"] > _KEPT)
        try:
            yield run
        finally:
            with suppress(StoreError):  # a later run removes them
                area.remove(
                    one["path"] for some in place.objects.list(f"{area._folder}/") for one in some
                )

    def write(self, documents: Sequence[Document], staged: Staged) -> str:
        """Write what was made of a batch of documents; the path of the file."""
        text = "\0".join(f"{one.name}\0{one.size}\0{one.modified}" for one in documents)
        digest = hashlib.sha256(text.encode()).hexdigest()[:40]
        path = f"{self._folder}/{digest}.zip"
        with self._place.errors("written"):
            self._place.objects.put(path, staged.packed())
        return path

    def read(self, paths: Sequence[str]) -> list[Staged]:
        """The content of files."""
        with ThreadPoolExecutor(_AT_ONCE, "mmrerank-staged") as pool, self._place.errors("read"):
            return list(pool.map(self._read, paths))

    def _read(self, path: str) -> Staged:
        return Staged.unpacked(bytes(self._place.objects.get(path).bytes()))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files."""
        listed = list(paths)
        with self._place.errors("written"):
            for start in range(0, len(listed), _MOST_REMOVED):
                self._place.objects.delete(listed[start : start + _MOST_REMOVED])


class StagingWriter(LanceWriter):
    """Keeps what an indexer writes, to be staged; only images are written at once."""

    def __init__(self, place: Place, ledger: Any, vectors: Any) -> None:
        super().__init__(place, ledger, vectors)
        self._captions: dict[str, CaptionRow] = {}
        self._pictures: dict[str, Picture] = {}

    def swap(
        self, file: FileRecord, entries: Sequence[Entry], images: Mapping[str, str] | None = None
    ) -> None:
        """Keep the rows of a file."""
        self._rows[file.path] = self._rows_of(file, entries, images or {})

    def set_captions(self, rows: Sequence[CaptionRow]) -> None:
        """Keep captions."""
        self._captions.update((row[0], row) for row in rows)

    def add_pictures(self, pictures: Mapping[str, Picture]) -> None:
        """Keep what images show."""
        self._pictures.update(pictures)

    @property
    def waiting_rows(self) -> int:
        """How many rows of files are kept."""
        return sum(map(len, self._rows.values()))

    def entries_of(self, path: str) -> list[Entry]:
        """The entries of a file that was written."""
        rows = self._rows[path]
        return [entry_of(row, self._place.url) for row in rows if row["kind"] != "file"]

    def taken(self) -> Staged:
        """All that was kept, which is forgotten."""
        rows, touched = (
            [r for of in one.values() for r in of] for one in (self._rows, self._touched)
        )
        made = {
            "files": entry_table(rows) if rows else None,
            "touched": entry_table(touched) if touched else None,
            "captions": caption_table(list(self._captions.values())) if self._captions else None,
            "pictures": picture_table(self._pictures) if self._pictures else None,
        }
        self._rows, self._touched, self._captions, self._pictures = {}, {}, {}, {}
        self._vectors.waiting.clear()
        return Staged({name: table for name, table in made.items() if table is not None})
