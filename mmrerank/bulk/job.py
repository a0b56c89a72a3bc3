"""What each actor must know, small enough to be sent; models are made where they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmrerank.base import Reranker
from mmrerank.bulk.reading import Reading
from mmrerank.bulk.source import Source
from mmrerank.index.lance.storage import Storage

if TYPE_CHECKING:
    from mmrerank.captioning import Captioner

__all__ = ["CAPTIONS", "WARMING", "Job", "Step"]

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
class Job:
    """Where documents are, where the index is, and what is to be done.

    A file is given `timeout` seconds. `captions` makes a `Captioner`, `warming` a `Reranker` whose
    states are on object storage. `scratch` is a folder for what actors keep while they work; None
    stands for the machine's own.
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
