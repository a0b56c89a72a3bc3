"""What `MultimodalRAG` is in every framework: an index, a reranker, and what an answer rests on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

from mmrerank.answers.citations import Citation, Citations
from mmrerank.base import Reranker, collected_usage
from mmrerank.errors import InvalidInputError
from mmrerank.index.index import Index
from mmrerank.index.report import SyncReport
from mmrerank.index.scan import Paths
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.timing import Timer
from mmrerank.types import Usage

__all__ = [
    "Answer",
    "AnswerStream",
    "AsyncAnswerStream",
    "IndexAndReranker",
    "Measured",
    "answer_of",
]

T = TypeVar("T")

P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """An answer and what it rests on.

    `documents` (LlamaIndex's nodes) are those that the model was given, best first. `citations` are
    the chunks and images that the answer refers to, in the order of their first mention, `unknown`
    its references to nothing that the model was given. `left_out` are the references of images for
    which the prompt had no room, or which could not be used. `timings` are in seconds: "search",
    "rerank", "prompt" and "answer" (those of "load" and "index" are in the report of `add`).
    `usage` is what the model's client tells of tokens, by its own names; {} if it tells nothing.
    `rerank_usage` is that of each call of a reranker that counts.
    """

    text: str
    documents: Sequence[T]
    citations: tuple[Citation, ...] = ()
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    rerank_usage: tuple[Usage, ...] = ()

    @property
    def cited(self) -> list[T]:
        """The documents that the answer refers to, or to an image of them; each once."""
        return [self.documents[i] for i in dict.fromkeys(one.index for one in self.citations)]


class Measured(Timer):
    """The stages of one answer in seconds, and what the reranker used."""

    def __init__(self) -> None:
        super().__init__()
        self.rerank_usage: list[Usage] = []

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Measures a search of the index in the block: its stages and its reranking."""
        with self.collecting(), collected_usage() as usage:
            try:
                yield
            finally:
                self.rerank_usage += usage


class _Stream(Generic[P, T]):
    """The pieces of an answer that were read so far, and the answer once they have ended."""

    def __init__(self, pieces: P, finish: Callable[[str], Answer[T]]) -> None:
        self._pieces, self._finish = pieces, finish
        self._read: list[str] = []
        self._result: Answer[T] | None = None

    def _end(self) -> None:
        if self._result is None:
            self._result = self._finish("".join(self._read))

    @property
    def result(self) -> Answer[T]:
        """The whole answer. Raises `InvalidInputError` before its end was read."""
        if self._result is None:
            raise InvalidInputError("the answer has not ended: read the stream to its end first")
        return self._result


class AnswerStream(_Stream[Iterator[str], T]):
    """The pieces of an answer as they arrive; `result` once they have been read to the end."""

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            self._read.append(piece)
            yield piece
        self._end()


class AsyncAnswerStream(_Stream[AsyncIterator[str], T]):
    """As `AnswerStream`, for `async for`."""

    async def __aiter__(self) -> AsyncIterator[str]:
        async for piece in self._pieces:
            self._read.append(piece)
            yield piece
        self._end()


class IndexAndReranker:
    """The parts of a `MultimodalRAG` that know no framework.

    `index` is an `Index` or the folder of one, made if there is none. `reranker` is any; the
    default reads the words in images. Raises `StoreError` for an index that cannot be opened.
    """

    def __init__(self, index: Index | str | os.PathLike[str], reranker: Reranker | None) -> None:
        self.index = index if isinstance(index, Index) else Index(index)
        self.reranker = reranker if reranker is not None else OCRReranker(ocr=has_ocr())

    def add(self, paths: Paths, *, show_progress: bool = False) -> SyncReport:
        """Read new and changed files, and folders of them, into the index.

        The report names the files that could not be read, and has the `timings`. Raises the errors of `Index.add`.
        """
        return self.index.add(paths, show_progress=show_progress)

    def close(self) -> None:
        """Close the index. Safe to call twice."""
        self.index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answer_of(
    text: str,
    documents: Sequence[T],
    citations: Citations,
    *,
    left_out: tuple[str, ...],
    measured: Measured,
    usage: Mapping[str, Any],
) -> Answer[T]:
    """An answer with its references looked up."""
    cited = citations.parse(text)
    return Answer(
        text=text,
        documents=documents,
        citations=cited.citations,
        unknown=cited.unknown,
        left_out=left_out,
        timings=dict(measured.timings),
        usage=dict(usage),
        rerank_usage=tuple(measured.rerank_usage),
    )
