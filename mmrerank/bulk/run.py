"""Makes an index at a URL equal to a source of documents, with many processes on many machines."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mmrerank.bulk.cluster import Cluster, Workers, cluster, import_ray
from mmrerank.bulk.committer import Committer
from mmrerank.bulk.job import CAPTIONS, WARMING, Job, Result, Step, Task, task_of
from mmrerank.bulk.marks import Marks, mark_of
from mmrerank.bulk.reading import Reading
from mmrerank.bulk.source import Document, Listing, open_source
from mmrerank.bulk.staging import StagingArea
from mmrerank.errors import DocumentError, InvalidInputError, StoreError, warn
from mmrerank.index.homes import index_home
from mmrerank.index.indexer import Indexer
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.storage import Place, Storage, is_url
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.lance.writer import LanceWriter
from mmrerank.index.ledger import FileRecord
from mmrerank.index.parts import Parts, indexing
from mmrerank.index.report import SyncReport
from mmrerank.loaders.files import LOADERS
from mmrerank.ocr.engine import has_ocr
from mmrerank.progress import progress_bar
from mmrerank.retrieval.embedders import named, named_image_embedder

__all__ = ["bulk"]

_BATCH, _SLOW_BATCH = 16, 4
"""Documents that one worker stages together at most, and that are done again after a kill: the
second, where models read their images."""
_RETRIES = 3  # of a batch whose process ended, before its documents are tried one by one


def bulk(
    source: str | os.PathLike[str],
    index: str,
    *,
    workers: Workers | None = None,
    embedder: str | None = None,
    image_embedder: str | None = None,
    ocr: bool | None = None,
    metadata: Mapping[str, str] | None = None,
    storage: Storage | None = None,
    timeout: float = 600.0,
    captions: Step | None = None,
    warming: Step | None = None,
    show_progress: bool = False,
) -> SyncReport:
    """Make the index at the URL `index` equal to the documents of `source`.

    `source` is a folder, which all machines see at the same path, or a URL of object storage. New
    and changed documents are read; those that are gone are removed. A document that cannot be read
    is in the report with the reason, and costs no other one. A run that was cut off is continued
    by the next one. `embedder`, `image_embedder` and `ocr` as for `Index`, embedders by name. A
    document is read within `timeout` seconds. `captions` makes a `Captioner`, `warming` a reranker
    whose states are on object storage (`Reuse(remote=...)`). Credentials come from the environment
    of each machine.

    Raises `StoreError` if the index or the source's storage cannot be used, `DocumentError` if
    there is no such folder, `InvalidInputError` for what cannot be used, `RerankError` if Ray
    fails, and `MissingDependencyError` without the extra `ray`.
    """
    if not is_url(index):
        raise InvalidInputError(f"bulk work makes an index at a URL, not in the folder {index!r}")
    if not timeout > 0:
        raise InvalidInputError(f"timeout must be more than 0 seconds, not {timeout!r}")
    if any(one is not None and not isinstance(one, str) for one in (embedder, image_embedder)):
        raise InvalidInputError("embedders are given by name: each machine makes its own")
    named_image_embedder(image_embedder)  # does it embed images?
    storage = storage or Storage()
    job = Job(
        source=open_source(source, storage),
        url=Place(index, storage).url,
        storage=storage,
        reading=Reading(has_ocr() if ocr is None else ocr, tuple((metadata or {}).items())),
        timeout=timeout,
        embedder=named(embedder),
        image_embedder=named(image_embedder),
        captions=captions,
        warming=warming,
    )
    workers = workers or Workers()
    import_ray()  # before any work: it says what to install
    return _Run(job, workers, show_progress=show_progress).report()


class _Run:
    """One call of `bulk`."""

    def __init__(self, job: Job, workers: Workers, *, show_progress: bool) -> None:
        self._job, self._workers, self._show_progress = job, workers, show_progress
        self._place = Place(job.url, job.storage)
        self._marks = {
            kind: Marks(self._place, kind, step.settings)
            for kind, step in ((CAPTIONS, job.captions), (WARMING, job.warming))
            if step is not None
        }
        self._report = SyncReport()
        self._failed: dict[str, str] = {}
        self._known: dict[str, FileRecord] = {}  # before this run

    def report(self) -> SyncReport:
        """Do the work."""
        job = self._job
        listing = job.source.listing(exclude=job.url)  # first: it costs little, and may fail
        home = index_home(job.url, job.storage)
        home.is_there(required=False)
        parts = home.opened(job.embedder, job.image_embedder, 60.0, None)
        try:
            reader = job.reading.reader(parts.image_root)
            with indexing(parts, reader, 60.0, None, recover=True) as indexer:
                self._work(listing, parts)
                self._finish(listing, parts, indexer)
        finally:
            parts.close()
        self._fill(listing)
        return self._report

    def _work(self, listing: Listing, parts: Parts) -> None:
        """Do what there is to do."""
        known = self._known = {record.path: record for record in parts.ledger.files()}
        done = [marks.all() for marks in self._marks.values()]
        todo = [d for d in listing.documents if not self._is_done(d, known.get(d.name), done)]
        reading = self._job.reading
        waiting = {d.name: task_of(d, known.get(d.name), reading) for d in todo}
        self._report.unchanged += [d.name for d in listing.documents if d.name not in waiting]
        if waiting:
            with (
                StagingArea.of_run(self._place) as run,
                cluster(self._workers) as machines,
                progress_bar(self._show_progress, len(waiting), "Documents") as advance,
            ):
                job = replace(self._job, run=run, scratch=machines.scratch)
                committer = self._committer(run, parts)
                self._hand_out(job, waiting, machines, committer, advance or (lambda _: None))
        for name in waiting:
            self._failed[name] = "ended the process that worked on it, each time"

    def _committer(self, run: str, parts: Parts) -> Committer:
        ledger, vectors = parts.ledger, parts.store
        assert isinstance(ledger, LanceLedger)
        assert isinstance(vectors, LanceVectors)
        writer = LanceWriter(self._place, ledger, vectors)
        return Committer(StagingArea(self._place, run), writer, self._marks)

    def _hand_out(
        self,
        job: Job,
        waiting: dict[str, Task],
        machines: Cluster,
        committer: Committer,
        advance: Callable[[int], None],
    ) -> None:
        """Have documents worked on; what has a result is no longer `waiting`."""
        most = _SLOW_BATCH if self._marks else _BATCH
        batch = max(1, min(most, len(waiting) // (4 * machines.count)))
        # What a batch lost its process for again and again is one of its documents.
        for size, retries in ((batch, _RETRIES), (1, 1)):
            rest = list(waiting.values())
            for found in machines.results(job, rest, batch=size, retries=retries) if rest else ():
                committer.take(found)
                for result in found.results:
                    if waiting.pop(result.name, None) is not None:
                        self._take(result, committer)
                        advance(1)
        committer.commit()

    def _is_done(
        self, document: Document, record: FileRecord | None, done: Sequence[set[str]]
    ) -> bool:
        if record is None or record.options != self._job.reading.options():
            return False
        if (record.size, record.modified) != (document.size, document.modified):
            return False
        return all(mark_of(record) in marks for marks in done)

    def _take(self, result: Result, committer: Committer) -> None:
        """Note what became of a document. Raises `StoreError` if none can be done any more."""
        for text in result.warnings:
            warn(f"{result.name}: {text}")
        report = self._report
        if result.status == "stopped":
            committer.commit()
            raise StoreError(
                f"{result.reason} (the work has ended; run it again, and it goes on from here)"
            )
        if result.status == "failed":
            self._failed[result.name] = result.reason
        elif result.status == "known":
            report.unchanged.append(result.name)
        else:
            (report.changed if result.name in self._known else report.added).append(result.name)

    def _finish(self, listing: Listing, parts: Parts, indexer: Indexer) -> None:
        """Remove documents that are gone, and all that nothing refers to any more."""
        there = {document.name for document in listing.documents}
        ledger, source = parts.ledger, self._job.source
        ledger.refresh()
        for record in ledger.files():
            unknown = any(_is_below(record.path, place) for place in listing.unreadable)
            if source.holds(record.path) and record.path not in there and not unknown:
                indexer.remove(record.path)
                self._report.removed.append(record.path)
        if self._report.changed or self._report.removed:
            self._report.images_removed = indexer.remove_unused_images()
        indexer.look_at_pictures(parts.image_root)  # of batches that were cut off
        marks = {mark_of(record) for record in ledger.files()}
        for kind in self._marks.values():
            kind.remove(kind.all() - marks)

    def _fill(self, listing: Listing) -> None:
        report = self._report
        errors = [DocumentError(name, reason) for name, reason in self._failed.items()]
        if not (listing.documents or listing.failed):
            reason = f"has no file that can be loaded ({', '.join(LOADERS)})"
            errors.append(DocumentError(self._job.source.name, reason))
        failed = sorted([*errors, *listing.failed], key=lambda error: error.path)
        report.failed = [(error.path, error) for error in failed]
        report.skipped = listing.skipped
        for names in (report.added, report.changed, report.unchanged, report.removed):
            names.sort()


def _is_below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}/")
