"""One process of the pipeline: reads, embeds, captions and warms documents, and commits them.

Models are loaded once. A batch of documents is one commit; images and states are written here,
under their keys, and only a short result of each document is handed back. All work can be done
again: a batch whose process was killed is given to another one, which skips what was committed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mmrerank.bulk.extras import Extras
from mmrerank.bulk.job import Job
from mmrerank.bulk.reading import read_document
from mmrerank.bulk.source import Document
from mmrerank.errors import DocumentError, RerankError, RerankWarning, StoreError
from mmrerank.index.homes import index_home
from mmrerank.index.indexer import Indexer, file_digest
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.writer import LanceWriter
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.parts import Parts, indexer_for
from mmrerank.loaders.base import Chunk
from mmrerank.ocr.words import default_cache_dir
from mmrerank.worker import Worker, WorkerLostError

__all__ = ["ADDED", "CHANGED", "DONE", "FAILED", "STOPPED", "DocumentActor", "Outcome"]

ADDED, CHANGED, DONE, FAILED, STOPPED = "added", "changed", "done", "failed", "stopped"
"""What became of a document. "done" had been in the index as it is; "stopped": it could not be
written, and neither could any other, so that the work ends."""

_TRIES, _PAUSE = 4, 2.0  # of a commit; seconds before the second, doubled each time
_MOST_READ = 200  # files that one process reads, since libraries keep memory


@dataclass(slots=True)
class Outcome:
    """A document in work, and what became of it."""

    document: Document
    status: str = DONE
    reason: str = ""
    warnings: list[str] = field(default_factory=list)
    record: FileRecord | None = None
    chunks: list[Chunk] | None = None  # to be written; None if they are in the index already

    @property
    def is_whole(self) -> bool:
        """Has nothing failed so far?"""
        return self.status not in {FAILED, STOPPED}

    def fail(self, error: RerankError, status: str = FAILED) -> None:
        """Keep the reason, without the name of the document."""
        self.status = status
        self.reason = error.reason if isinstance(error, DocumentError) else str(error)


class DocumentActor:
    """Works on batches of documents, given as columns `name`, `size` and `modified`.

    Returns the columns `name`, `status`, `reason` and `warnings` (JSON). No error of a document is
    raised.
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
    def _writer(self) -> LanceWriter:
        writer = self._closing.enter_context(self._parts.writing(60.0, None))
        assert isinstance(writer, LanceWriter)
        return writer

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
        columns = zip(batch["name"], batch["size"], batch["modified"], strict=True)
        outcomes = [Outcome(Document(str(n), int(s), int(m))) for n, s, m in columns]
        try:
            self._work(outcomes)
        except RerankError as error:  # the index or a model cannot be used at all
            for outcome in outcomes:
                if outcome.is_whole:
                    outcome.fail(error, STOPPED)
        finally:
            self._remove_images()
        return {
            "name": [one.document.name for one in outcomes],
            "status": [one.status for one in outcomes],
            "reason": [self._without_folder(one.reason) for one in outcomes],
            "warnings": [json.dumps([*map(self._without_folder, o.warnings)]) for o in outcomes],
        }

    def _without_folder(self, text: str) -> str:
        """A message that speaks of documents, not of their local copies."""
        return text.replace(f"{self._folder}{os.sep}", "")

    def _work(self, outcomes: Sequence[Outcome]) -> None:
        self._prepare_all(outcomes)
        self._commit(outcomes)
        whole = [one for one in outcomes if one.is_whole]
        self._ledger.refresh()
        entries = self._ledger.entries_of([one.document.name for one in whole])
        written = [entries[one.document.name] for one in whole if one.chunks is not None]
        new = [entry for some in written for entry in some if entry.kind == "figure"]
        self._indexer.look_at(new, self._parts.image_root)
        for outcome in whole:
            self._do_extras(outcome, entries[outcome.document.name])

    def _prepare_all(self, outcomes: Sequence[Outcome]) -> None:
        known = self._ledger.records([one.document.name for one in outcomes])
        for outcome in outcomes:
            try:
                self._prepare(outcome, known.get(outcome.document.name))
            except StoreError:
                raise
            except RerankError as error:
                outcome.fail(error)

    def _prepare(self, outcome: Outcome, known: FileRecord | None) -> None:
        """Read a document, unless the index has it as it is."""
        document = outcome.document
        old = known if known is not None and known.options == self._options else None
        if old is not None and (old.size, old.modified) == (document.size, document.modified):
            outcome.record = old
            return
        with self._job.source.local(document, self._folder) as path:
            outcome.record = FileRecord(
                document.name, document.size, document.modified, self._options, file_digest(path)
            )
            if old is not None and old.digest == outcome.record.digest:
                self._writer.touch(outcome.record)
                return
            outcome.chunks, outcome.warnings = self._chunks(path, document.name)
        outcome.status = ADDED if known is None else CHANGED

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

    def _commit(self, outcomes: Sequence[Outcome]) -> None:
        """Write what was read, in one commit. Raises `StoreError` after some tries."""
        for attempt in range(1, _TRIES + 1):
            try:
                self._write(outcomes)
            except StoreError:
                self._writer.drop()
                if attempt == _TRIES:
                    raise
                time.sleep(_PAUSE * 2 ** (attempt - 1))
            else:
                return

    def _write(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.is_whole and outcome.chunks is not None and outcome.record is not None:
                try:
                    with _warnings_of(outcome):
                        self._indexer.write(outcome.record, outcome.chunks)
                except StoreError:
                    raise
                except RerankError as error:  # of an embedder
                    outcome.fail(error)
        self._writer.flush()

    def _do_extras(self, outcome: Outcome, entries: Sequence[Entry]) -> None:
        """Captions and warming of a document that is in the index."""
        assert outcome.record is not None
        with _warnings_of(outcome):
            reason = self._extras.do(outcome.record, entries)
        if reason:
            outcome.status, outcome.reason = FAILED, reason

    def _remove_images(self) -> None:
        """All images of a batch are at the URL by now, so local copies would only pile up."""
        for path in self._folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _warnings_of(outcome: Outcome) -> Iterator[None]:
    """Keep the warnings that are issued meanwhile: those of another machine would be seen by nobody."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            outcome.warnings += [
                str(one.message) for one in caught if issubclass(one.category, RerankWarning)
            ]
