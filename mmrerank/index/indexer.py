"""Keeps an index equal to its files: what is new or changed is read, what is gone is removed.

Each file goes through the four steps of the ledger (see `mmrerank.index.ledger`), so that a process
that is killed at any moment leaves an index that searches as before, and that the next run mends.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mmrerank.errors import DocumentError, ImageError, RerankError, StoreError
from mmrerank.index.captions import caption_rows
from mmrerank.index.check import (
    Problem,
    adopt,
    find_problems,
    records_without_ledger,
    require_ledger,
)
from mmrerank.index.embedding import IndexEmbedder
from mmrerank.index.image_vectors import ImageIndexer
from mmrerank.index.ledger import Entry, FileRecord, Ledger
from mmrerank.index.pictures import Picture, describe
from mmrerank.index.report import SyncReport, report_folders
from mmrerank.index.scan import Scan, has_text_name, size_and_time
from mmrerank.index.writer import Writer
from mmrerank.loaders.base import Chunk
from mmrerank.ocr.bm25 import tokenize
from mmrerank.ocr.words import loader_facts
from mmrerank.progress import progress
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Record, Vector, VectorStore
from mmrerank.timing import Timer
from mmrerank.types import Image

if TYPE_CHECKING:
    from mmrerank.captioning import Captioned, Captioner

__all__ = ["Indexer", "Read", "file_digest", "options_hash"]

_BATCH = 500  # entries embedded and written at once: 4 MiB of vectors


class Read(Protocol):
    """Reads a file into chunks, figures among them."""

    def __call__(self, path: Path, *, show_progress: bool) -> list[Chunk]:
        """The chunks of one file. Raises `RerankError`."""

    def reading_ahead(
        self, paths: Iterable[Path], is_same: Callable[[Path], bool]
    ) -> AbstractContextManager[None]:
        """Within it, files that are images and have changed are read before they are asked for."""


class Indexer:
    """Writes files into a ledger and a vector store. Use it as the ledger's one writer."""

    def __init__(
        self,
        ledger: Ledger,
        writer: Writer,
        store: VectorStore,
        embedder: IndexEmbedder,
        images: ImageIndexer,
        *,
        read: Read,
        options: Callable[[Path], str],
    ) -> None:
        self._ledger, self._writer, self._store = ledger, writer, store
        self._embedder, self._images = embedder, images
        self._read, self._options = read, options
        self._timer = Timer()

    def recover(self) -> None:
        """Delete what killed writers left in the vector store. Raises `StoreError`."""
        self._delete_vectors(self._writer.left_over())

    def sync(self, scan: Scan, *, verify: bool = False, show_progress: bool = False) -> SyncReport:
        """Make the index equal to the files of a scan; see `Index.sync`.

        A file that cannot be read is reported, and its entries stay. Raises
        `StoreError` if the index cannot be written, or its ledger is lost: the work stops at the
        first such error, since Chroma does not return from the write after a full disk.
        """
        require_ledger(self._ledger, self._writer, self._store)
        skipped = [(str(path), reason) for path, reason in scan.skipped]
        report = SyncReport(skipped=skipped, timings=self._timer.timings)
        known = {record.path: record for record in self._ledger.files()}
        several = len(scan.files) > 1  # one bar at a time: for the files, or within the only one
        with self._read.reading_ahead(scan.files, partial(self._is_same, known)):
            for path in progress(scan.files, "Indexing", show=show_progress and several):
                try:
                    record = known.get(str(path))
                    self._sync_file(path, record, report, verify, show_progress > several)
                except StoreError:
                    raise
                except RerankError as error:
                    report.failed.append((str(path), error))
        self._remove_missing(scan, known, report)
        report_folders(scan, known, report)
        return report

    def _is_same(self, known: Mapping[str, FileRecord], path: Path) -> bool:
        """Whether a file has the size, time and options that the index knows; if it is gone, too."""
        record = known.get(str(path))
        if record is None or record.options != self._options(path):
            return False
        try:
            return (record.size, record.modified) == size_and_time(path)
        except DocumentError:
            return True

    def _remove_missing(
        self, scan: Scan, known: Mapping[str, FileRecord], report: SyncReport
    ) -> None:
        """Remove what was in one of the folders and is there no longer."""
        unknown = [folder for folder, _ in scan.unreadable]
        for path in sorted(known.keys() - {str(path) for path in scan.files}):
            if any(Path(path).is_relative_to(folder) for folder in unknown):
                continue
            if any(Path(path).is_relative_to(folder) for folder in scan.folders):
                self.remove(path)
                report.removed.append(path)

    def _sync_file(
        self,
        path: Path,
        record: FileRecord | None,
        report: SyncReport,
        verify: bool,
        show_progress: bool,
    ) -> None:
        if not has_text_name(path):
            raise DocumentError(ascii(str(path)), "has a name that is not UTF-8")
        size, modified = size_and_time(path)
        options = self._options(path)
        old = record if record is not None and record.options == options else None
        if old is not None and not verify and (old.size, old.modified) == (size, modified):
            report.unchanged.append(str(path))
            return
        current = FileRecord(str(path), size, modified, options, file_digest(path))
        if old is not None and old.digest == current.digest:
            self._writer.touch(current)
            report.unchanged.append(str(path))
            return
        with self._timer.stage("load"):
            chunks = self._read(path, show_progress=show_progress)
        if size_and_time(path) != (size, modified):
            raise DocumentError(str(path), "changed while it was read; index it again")
        with self._timer.stage("index"):
            self.write(current, chunks)
        (report.added if record is None else report.changed).append(str(path))

    def write(self, record: FileRecord, chunks: Sequence[Chunk]) -> None:
        """Put a file's chunks in place of all that the index has of it. Raises `StoreError`."""
        entries = [self._entry(record.path, chunk) for chunk in chunks]
        self._writer.intend(entry.vector_id for entry in entries)
        refs = self._images.refs_of(entries)
        problems: dict[str, str] = {}
        for start in range(0, len(entries), _BATCH):
            some = entries[start : start + _BATCH]
            own = {e.vector_id: refs[e.vector_id] for e in some if e.vector_id in refs}
            images = self._images.embedded(own)
            self._store.upsert(self._records(some, images.vectors))
            problems.update(images.problems)
        self._writer.swap(record, entries, problems)
        self._delete_vectors(self._writer.left_over())

    def _records(self, entries: Sequence[Entry], images: Mapping[str, Vector]) -> list[Record]:
        """Entries with the vectors of their texts, and of those images that have one."""
        texts = self._embedder.embed_texts([entry.text for entry in entries])
        return [
            Record(
                id=one.vector_id,
                vectors={
                    TEXT: vector,
                    **({IMAGE: images[one.vector_id]} if one.vector_id in images else {}),
                },
                text=one.text,
                metadata=one.metadata,
            )
            for one, vector in zip(entries, texts, strict=True)
        ]

    def embed_missing_images(self, *, show_progress: bool = False) -> None:
        """Embed the images that lack a vector. Raises what the image embedder raises."""
        self._images.add_missing(show_progress=show_progress)

    def write_captions(self, found: Mapping[str, Captioned], captioner: Captioner) -> None:
        """Write the captions among what a captioner found, by image. Raises `StoreError`."""
        refs = sorted(found.keys() & self._ledger.images())  # files may have changed meanwhile
        for start in range(0, len(refs), _BATCH):
            some = {ref: found[ref] for ref in refs[start : start + _BATCH]}
            self._writer.set_captions(caption_rows(some, captioner.model.name, self._embedder))

    def remove_unused_images(self) -> int:
        """Remove images that no entry refers to, and their captions; how many images."""
        self._writer.remove_unused_captions()
        return self._writer.remove_unused_images()

    def remove(self, path: str) -> None:
        """Remove a file and all that the index has of it. Raises `StoreError`."""
        self._writer.remove(path)
        self._delete_vectors(self._writer.left_over())

    def look_at_pictures(self, image_root: Path, *, show_progress: bool = False) -> None:
        """Record what new figures show, and forget images that nothing refers to.

        Done after the files are read: until then a search may find a picture twice.
        """
        self._writer.forget_pictures()
        entries = self._ledger.figures_without_picture()
        self._ledger.fetch_images(entries)
        self.look_at(entries, image_root, show_progress=show_progress)

    def look_at(
        self, entries: Sequence[Entry], image_root: Path, *, show_progress: bool = False
    ) -> None:
        """Record what these figures show; their images must be in `image_root`."""
        bar = progress(entries, "Comparing pictures", show=show_progress and len(entries) > _BATCH)
        new: dict[str, Picture] = {}
        for entry in bar:
            ref = entry.images[0]
            if ref not in new:
                new[ref] = _look_at(ref, entry, image_root)
            if len(new) >= _BATCH:
                self._writer.add_pictures(new)
                new = {}
        if new:
            self._writer.add_pictures(new)

    def check(self, *, mend: bool) -> list[Problem]:
        """What is wrong; see `Index.check`."""
        problems: list[Problem] = []
        if records := records_without_ledger(self._ledger, self._writer, self._store):
            problems.append(Problem(f"there is no ledger for {len(records)} vectors"))
            if not mend:
                return problems
            adopt(records, self._writer)
        problems += find_problems(self._ledger, self._writer, self._store)
        if mend:
            for problem in problems:
                self._delete_vectors(problem.vector_ids)
                self._writer.forget_image_vectors(problem.image_vector_ids)
                for path in problem.files:
                    self._writer.touch(FileRecord(path, -1, -1, "", ""))
        return problems

    def _delete_vectors(self, vector_ids: Sequence[str]) -> None:
        if vector_ids:
            self._store.delete(vector_ids)
            self._writer.forget(vector_ids)

    def _entry(self, path: str, chunk: Chunk) -> Entry:
        return Entry(
            id=chunk.id,
            vector_id=f"{chunk.id}.{uuid.uuid4().hex[:12]}",
            path=path,
            text=chunk.text,
            words=" ".join(tokenize(chunk.text)),
            kind=str(chunk.extra.get("kind", "text")),
            page=chunk.page,
            metadata=chunk.metadata,
            images=tuple(link.figure.ref for link in chunk.links),
        )


def _look_at(ref: str, entry: Entry, image_root: Path) -> Picture:
    """What the image of a figure shows; one that cannot be decoded equals no other."""
    image = Image(path=image_root / ref, root=image_root)
    caption = str(loader_facts(image, entry.path).get("caption") or "")
    section = str(entry.metadata.get("section", ""))
    words = entry.text.removeprefix(caption.strip()).removesuffix(section.strip())
    try:
        return describe(image, words.strip())
    except ImageError:
        return Picture()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content. Raises `DocumentError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DocumentError(str(path), f"cannot be read ({error})") from error


def options_hash(options: dict[str, Any]) -> str:
    """A short hash of options that a file's chunks depend on; they must be JSON."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]
