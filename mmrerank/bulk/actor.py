"""One process of the pipeline: reads, embeds, captions and warms documents, and stages the result.

Models are loaded once. Images and states are written here, under their keys; the rows of a batch of
documents are one file, which the process that runs the work commits (`mmrerank.bulk.committer`). Only
a short result of each document is handed back. All work can be done again: a batch whose process was
killed is given to another one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mmrerank.bulk.extras import Extras
from mmrerank.bulk.job import BatchResult, Job, Result, Status, Task
from mmrerank.bulk.patience import patiently
from mmrerank.bulk.reading import read_document
from mmrerank.bulk.source import Document
from mmrerank.bulk.staging import StagingArea, StagingWriter
from mmrerank.errors import DocumentError, RerankError, RerankWarning, StoreError
from mmrerank.index.homes import index_home
from mmrerank.index.indexer import Indexer, file_digest
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.storage import Place
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.ledger import FileRecord
from mmrerank.index.parts import Parts, indexer_for
from mmrerank.loaders.base import Chunk
from mmrerank.ocr.words import default_cache_dir
from mmrerank.worker import Worker, WorkerLostError

__all__ = ["DocumentActor", "batch_of", "columns_of"]

_MOST_READ = 200  # files that one process reads, since libraries keep memory
_ROWS = 1_000  # that are staged at once: vectors that wait take 32 KiB each


@dataclass(slots=True)
class _Work:
    """A document in work."""

    task: Task
    result: Result
    record: FileRecord | None = None
    chunks: list[Chunk] | None = None  # to be written; None if they are in the index already

    @property
    def is_whole(self) -> bool:
        """Has nothing failed so far?"""
        return self.result.status not in {"failed", "stopped"}

    def fail(self, error: RerankError, status: Status = "failed") -> None:
        """Keep the reason, without the name of the document."""
        self.result.status = status
        self.result.reason = error.reason if isinstance(error, DocumentError) else str(error)


class DocumentActor:
    """Works on batches of documents, given as the columns of `columns_of`.

    Returns one row, which `batch_of` reads. No error of a document is raised.
    """

    def __init__(self, job: Job) -> None:
        self._job, self._options = job, job.reading.options()
        self._closing = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="mmrerank-bulk-", dir=job.scratch))
        self._closing.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._reader = Worker({"MMRERANK_CACHE": str(default_cache_dir())})
        self._closing.callback(self._reader.stop)
        self._read = 0

    def close(self) -> None:
        """Write what is left, and remove the temporary folder."""
        self._closing.close()

    # -- what is opened once

    @cached_property
    def _parts(self) -> Parts:
        job = self._job
        storage = replace(job.storage, cache_dir=self._folder)
        home = index_home(job.url, storage)
        parts = home.opened(job.embedder, job.image_embedder, 60.0, None)
        self._closing.callback(parts.close)
        return parts

    @cached_property
    def _writer(self) -> StagingWriter:
        store = self._parts.store
        assert isinstance(store, LanceVectors)
        return StagingWriter(Place(self._job.url, self._job.storage), self._ledger, store)

    @cached_property
    def _staging(self) -> StagingArea:
        return StagingArea(Place(self._job.url, self._job.storage), self._job.run)

    @cached_property
    def _indexer(self) -> Indexer:
        return indexer_for(
            self._parts, self._job.reading.reader(self._parts.image_root), self._writer
        )

    @cached_property
    def _extras(self) -> Extras:
        return self._closing.enter_context(Extras(self._job, self._parts, self._writer))

    @property
    def _ledger(self) -> LanceLedger:
        ledger = self._parts.ledger
        assert isinstance(ledger, LanceLedger)
        return ledger

    # -- a batch

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Work on a batch, and say what became of each document."""
        works = [_Work(task, Result(task.document.name, "known")) for task in _tasks(batch)]
        staged: dict[str, int] = {}
        try:
            staged = self._work(works)
        except RerankError as error:  # the index cannot be used at all
            _stop(works, error)
            self._writer.taken()
        finally:
            self._remove_images()
        for work in works:
            work.result.reason = self._without_folder(work.result.reason)
            work.result.warnings = [*map(self._without_folder, work.result.warnings)]
        result = BatchResult([work.result for work in works], staged)
        return {"result": [json.dumps(asdict(result))]}

    def _without_folder(self, text: str) -> str:
        """A message that speaks of documents, not of their local copies."""
        return text.replace(f"{self._folder}{os.sep}", "")

    def _work(self, works: Sequence[_Work]) -> dict[str, int]:
        """Do the work; the paths of the staged files, and how many rows each has."""
        staged: dict[str, int] = {}
        begin = 0
        for i, work in enumerate(works):
            try:
                self._do(work)
            except RerankError as error:  # of no document: what was read so far is kept
                _stop(works[i:], error)
            is_last = work is works[-1] or work.result.status == "stopped"
            if is_last or self._writer.waiting_rows >= _ROWS:
                staged |= self._stage([one.task.document for one in works[begin : i + 1]])
                begin = i + 1
            if work.result.status == "stopped":
                break
        return staged

    def _stage(self, documents: Sequence[Document]) -> dict[str, int]:
        made = self._writer.taken()
        if not made:
            return {}
        return {patiently(lambda: self._staging.write(documents, made)): len(made)}

    def _do(self, work: _Work) -> None:
        """All that is to be done with a document."""
        try:
            self._prepare(work)
            self._write(work)
        except StoreError:
            raise
        except RerankError as error:  # of the document, or of an embedder
            work.fail(error)
            return
        if work.result.status == "written":
            entries = self._writer.entries_of(work.result.name)
            figures = [entry for entry in entries if entry.kind == "figure"]
            self._indexer.look_at(figures, self._parts.image_root)
        if self._job.captions is not None or self._job.warming is not None:
            self._do_extras(work)

    def _prepare(self, work: _Work) -> None:
        """Read a document, unless the index has it as it is."""
        task, document = work.task, work.task.document

        def record(digest: str) -> FileRecord:
            return FileRecord(
                document.name, document.size, document.modified, self._options, digest
            )

        if task.is_same:
            work.record = record(task.digest)
            return
        with self._job.source.local(document, self._folder) as path:
            work.record = record(file_digest(path))
            if task.digest == work.record.digest:
                self._writer.touch(work.record)
                return
            work.chunks, work.result.warnings = self._chunks(path, document.name)

    def _chunks(self, path: Path, name: str) -> tuple[list[Chunk], list[str]]:
        """Read a file in another process, within the time limit."""
        if self._read >= _MOST_READ:
            self._reader.stop()
            self._read = 0
        self._read += 1
        root = self._parts.image_root
        try:
            return self._reader.run(
                self._job.timeout, read_document, path, name, self._job.reading, root
            )
        except WorkerLostError as error:
            raise DocumentError(name, f"cannot be read: it {error}") from error
        except RuntimeError as error:  # of a library, which the process could not send
            raise DocumentError(name, f"cannot be read ({error})") from error

    def _write(self, work: _Work) -> None:
        record, chunks = work.record, work.chunks
        if chunks is not None and record is not None:
            with _warnings_of(work.result):
                patiently(lambda: self._indexer.write(record, chunks))
            work.result.status = "written"

    def _do_extras(self, work: _Work) -> None:
        """Captions and warming of a document."""
        assert work.record is not None
        if work.result.status == "written":
            entries = self._writer.entries_of(work.result.name)
        else:
            self._ledger.refresh()
            entries = self._ledger.entries(work.result.name)
        with _warnings_of(work.result):
            reason, work.result.marks = self._extras.do(work.record, entries)
        if reason:
            work.result.status, work.result.reason = "failed", reason

    def _remove_images(self) -> None:
        """All images of a batch are at the URL by now, so local copies would only pile up."""
        for path in self._folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)


def columns_of(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Tasks as rows of Ray Data."""
    return [
        {**asdict(task.document), "digest": task.digest, "is_same": task.is_same} for task in tasks
    ]


def _tasks(batch: Mapping[str, Sequence[Any]]) -> list[Task]:
    columns = (batch[name] for name in ("name", "size", "modified", "digest", "is_same"))
    return [
        Task(Document(str(name), int(size), int(modified)), str(digest), bool(is_same))
        for name, size, modified, digest, is_same in zip(*columns, strict=True)
    ]


def batch_of(row: Mapping[str, Any]) -> BatchResult:
    """What `DocumentActor` says of a batch."""
    said = json.loads(row["result"])
    return BatchResult([Result(**one) for one in said["results"]], said["staged"])


def _stop(works: Sequence[_Work], error: RerankError) -> None:
    for work in works:
        if work.is_whole:
            work.fail(error, "stopped")


@contextmanager
def _warnings_of(result: Result) -> Iterator[None]:
    """Keep the warnings that are issued meanwhile: those of another machine would be seen by nobody."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            result.warnings += [
                str(one.message) for one in caught if issubclass(one.category, RerankWarning)
            ]
