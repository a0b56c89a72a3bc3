"""Scores in a file as they are computed, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mmrerank.errors import InvalidInputError

__all__ = ["ScoreFile"]


class ScoreFile:
    """The scores of one task, subset and split: a JSON line for each query and its documents.

    `facts` is everything that the scores depend on. It is the file's first line, and its hash is
    part of the file's name, so that other facts lead to another file. A last line that a stopped
    process left unfinished is removed. One process at a time may write a file.

    Raises `InvalidInputError` for a file that has something else in it, and OSError.
    """

    def __init__(self, folder: Path, name: str, facts: Mapping[str, Any]) -> None:
        first = json.dumps(facts, sort_keys=True)
        key = hashlib.sha256(first.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        safe_name = re.sub(r"[^\w.-]", "_", name)  # a subset of mteb may have a slash
        self._path = folder / f"{safe_name}-{key}.jsonl"
        self.scores: dict[str, dict[str, float]] = {}
        """What the file had: for each query the scores of its documents, by their ids."""
        whole = self._read(first) if self._path.exists() else 0
        self._file = self._path.open("ab")
        self._file.truncate(whole)
        if not whole:
            self._file.write(first.encode() + b"\n")

    def add(self, query: str, scores: Mapping[str, float]) -> None:
        """Write the scores of some documents for a query, at once."""
        line = json.dumps({"query": query, "scores": dict(scores)})
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _read(self, first: str) -> int:
        """Read all whole lines into `scores`; gives the number of their bytes."""
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].decode().splitlines()
        if lines and lines[0] != first:
            raise InvalidInputError(f"{self._path} is not a file of scores: remove it")
        for number, line in enumerate(lines[1:], 2):
            try:
                found = json.loads(line)
                self.scores.setdefault(found["query"], {}).update(found["scores"])
            except (ValueError, TypeError, KeyError) as error:
                raise InvalidInputError(f"{self._path}, line {number}: damaged: {error}") from error
        return whole
