"""The one process of a run that commits: what many workers have staged, by few commits.

A commit reads the keys of the whole table, so that it takes longer the larger the index is, and
hardly longer for thousands of rows than for one. The pauses between commits grow with them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from mmrerank.bulk.job import BatchResult
from mmrerank.bulk.marks import Marks
from mmrerank.bulk.patience import patiently
from mmrerank.bulk.staging import Staged, StagingArea
from mmrerank.errors import StoreError
from mmrerank.index.lance.writer import LanceWriter

__all__ = ["Committer"]

_ROWS = 10_000  # of a commit at most, which are in memory: some 60 MB
_PAUSE = 10.0  # seconds between commits: what is done again after a kill
_SHARE = 4  # the pause at least, in times of the last commit
_AT_ONCE = 16  # marks that are set side by side


class Committer:
    """Commits what batches have staged, then sets the marks of their documents.

    Raises `StoreError` if the storage stays away.
    """

    def __init__(
        self, staging: StagingArea, writer: LanceWriter, marks: Mapping[str, Marks]
    ) -> None:
        self._staging, self._writer, self._marks = staging, writer, marks
        self._waiting: list[BatchResult] = []
        self._pause, self._ended = _PAUSE, time.monotonic()

    def take(self, batch: BatchResult) -> None:
        """Commit a batch, with those that follow it within some seconds."""
        self._waiting.append(batch)
        rows = sum(sum(one.staged.values()) for one in self._waiting)
        if rows >= _ROWS or time.monotonic() - self._ended >= self._pause:
            self.commit()

    def commit(self) -> None:
        """Commit all that waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            begun = time.monotonic()
            paths = [path for batch in waiting for path in batch.staged]
            patiently(lambda: self._commit(waiting, paths))
            with suppress(StoreError):  # what stays is removed at the end of the run
                self._staging.remove(paths)
            self._ended = time.monotonic()
            self._pause = max(_PAUSE, _SHARE * (self._ended - begun))

    def _commit(self, waiting: Sequence[BatchResult], paths: Sequence[str]) -> None:
        """Each step may be repeated. Marks come after what they stand for."""
        if paths:
            tables = Staged.joined(self._staging.read(paths)).tables
            writes = {
                "captions": self._writer.write_captions,
                "pictures": self._writer.write_pictures,
            }
            self._writer.write_files(tables.get("files"), touched=tables.get("touched"))
            for name, write in writes.items():
                if name in tables:
                    write(tables[name])
        results = [result for batch in waiting for result in batch.results]
        marks = [pair for result in results for pair in result.marks.items()]
        with ThreadPoolExecutor(_AT_ONCE, "mmrerank-marks") as pool:
            list(pool.map(lambda pair: self._marks[pair[0]].add(pair[1]), marks))
        if paths:
            self._writer.tidy()
