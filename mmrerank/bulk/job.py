"""What each actor must know, small enough to be sent; models are made where they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.base import Reranker
from mmrerank.bulk.reading import Reading
from mmrerank.bulk.source import Document, Source
from mmrerank.index.lance.storage import Storage
from mmrerank.index.ledger import FileRecord

if TYPE_CHECKING:
    from mmrerank.captioning import Captioner

__all__ = [
    "CAPTIONS",
    "WARMING",
    "BatchResult",
    "Job",
    "Result",
    "Status",
    "Step",
    "Task",
    "task_of",
]

CAPTIONS, WARMING = "captions", "warming"
"""Kinds of marks; see `mmrerank.bulk.marks`."""


@dataclass(frozen=True, slots=True)
class Step:
    """Work on documents that are in the index. `make` makes the model, once in each process.

    `settings` names the model and all that its results depend on: documents that were done with
    other settings are done again. `make` is pickled, so it must not hold a key; a model reads its
    key from the environment of the machine that it runs on.
    """

    make: Callable[[], Any]
    settings: str


@dataclass(frozen=True, slots=True)
class Task:
    """A document to work on.

    `digest` is that of the content that the index has of it, read with the same options, or "".
    With `is_same`, its size and time are those of the index too, and only steps are left to do.
    """

    document: Document
    digest: str = ""
    is_same: bool = False


def task_of(document: Document, record: FileRecord | None, reading: Reading) -> Task:
    """What a worker must know of a document that the index may have as `record`."""
    if record is None or record.options != reading.options():
        return Task(document)
    is_same = (record.size, record.modified) == (document.size, document.modified)
    return Task(document, record.digest, is_same)


Status = Literal["written", "known", "failed", "stopped"]
"""What became of a document: it was read and is to be committed, or the index had its content; it
failed; or it could not be done, and neither could any other, so that the work ends."""


@dataclass(slots=True)
class Result:
    """What became of the document of this name.

    `marks` are to be set by kind, once what the batch has staged is committed.
    """

    name: str
    status: Status
    reason: str = ""
    warnings: list[str] = field(default_factory=list)
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: a result for each document, and the files that are to be committed,
    by path with the number of rows of each.
    """

    results: list[Result]
    staged: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """Where documents are, where the index is, and what is to be done.

    A file is given `timeout` seconds. `captions` makes a `Captioner`, `warming` a `Reranker` whose
    states are on object storage. `run` is the name of this run, for what is staged. `scratch` is a
    folder for what actors keep while they work; None stands for the machine's own.
    """

    source: Source
    url: str
    storage: Storage
    reading: Reading
    timeout: float
    embedder: str | None = None
    image_embedder: str | None = None
    captions: Step | None = None
    warming: Step | None = None
    run: str = ""
    scratch: str | None = None

    def captioner(self) -> Captioner:
        """The captioner; only where captions are asked for."""
        assert self.captions is not None
        made: Captioner = self.captions.make()
        return made

    def reranker(self) -> Reranker:
        """The reranker to be warmed; only where that is asked for."""
        assert self.warming is not None
        made: Reranker = self.warming.make()
        return made
