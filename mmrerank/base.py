"""Reranker: what every reranker promises, and rank(), the one place that sorts."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from mmrerank.errors import InvalidInputError, InvalidResponseError, UnsupportedOperationError
from mmrerank.explanation import Explanation, Method
from mmrerank.types import Content, Modalities, RerankResult, Scored, Usage

__all__ = ["Reranker", "collected_usage", "rank"]

_collecting: ContextVar[tuple[list[Usage], ...]] = ContextVar("mmrerank_usage", default=())

Documents = Sequence[str | Content]


class Reranker(ABC):
    """Scores documents against a query.

    A subclass implements `_score` (and `_ascore`, if it can wait without a thread); everything
    else is here. `score` returns exactly one finite float for each document, in input order,
    however the documents were batched, fanned out, cached or fused.

    `modalities` says what a single input of the model may contain; `listwise` is True if a
    document's score depends on the other documents of the call. `caches_documents` is True if what
    was computed of a document is kept for later queries, so that it is quicker to score a document
    for many queries in a row. At most `max_images_per_document` images of a document are scored,
    the first ones.
    """

    model: str
    modalities: Modalities = Modalities()
    listwise: bool = False
    caches_documents: bool = False
    max_images_per_document: int = 4

    def __init__(self, *, on_usage: Callable[[Usage], None] | None = None) -> None:
        self.on_usage = on_usage

    @abstractmethod
    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        """Score each of `documents` (at least one), in order."""

    async def _ascore(self, query: Content, documents: list[Content]) -> list[Scored]:
        return await asyncio.to_thread(self._score, query, documents)

    def score(self, query: str | Content, documents: Documents) -> list[float]:
        """One score for each document, in input order; returns [] for no documents.

        Raises `InvalidInputError` for an empty query or a document that is neither str nor
        `Content`, and another `RerankError` if the documents cannot be scored.
        """
        return [scored.score for scored in self._scored(query, documents)[1]]

    async def ascore(self, query: str | Content, documents: Documents) -> list[float]:
        """As `score`, without blocking the event loop. Raises the same errors."""
        return [scored.score for scored in (await self._ascored(query, documents))[1]]

    def rerank(
        self,
        query: str | Content,
        documents: Documents,
        top_n: int | None = None,
        min_score: float | None = None,
    ) -> list[RerankResult]:
        """The documents, best first; equal scores keep their input order.

        `top_n` keeps at most that many (None: all), `min_score` those with at least that score.
        Raises `InvalidInputError` for an unusable `top_n` or `min_score`, and the errors of
        `score`.
        """
        check_cut(top_n, min_score)
        contents, scored = self._scored(query, documents)
        return rank(contents, scored, top_n=top_n, min_score=min_score)

    async def arerank(
        self,
        query: str | Content,
        documents: Documents,
        top_n: int | None = None,
        min_score: float | None = None,
    ) -> list[RerankResult]:
        """As `rerank`, without blocking the event loop. Raises the same errors."""
        check_cut(top_n, min_score)
        contents, scored = await self._ascored(query, documents)
        return rank(contents, scored, top_n=top_n, min_score=min_score)

    def explain(
        self,
        query: str | Content,
        document: str | Content,
        *,
        method: Method | None = None,
        candidates: Documents = (),
    ) -> Explanation:
        """Which words and which places in images made the score of `document`.

        `method` is the reranker's own unless given: local models have `integrated_gradients` and
        `leave_one_out`, `OCRReranker` has `bm25`. `candidates` are all documents of the call that
        is explained; they count only if the reranker is `listwise`.

        Raises `UnsupportedOperationError` for a reranker that cannot explain, `InvalidInputError`
        for a method that it does not have, and the errors of `score`.
        """
        (content,) = check_documents([document])
        return self._explain(check_query(query), content, method, check_documents(candidates))

    def _explain(
        self, query: Content, document: Content, method: Method | None, candidates: list[Content]
    ) -> Explanation:
        raise UnsupportedOperationError(
            f"{type(self).__name__} cannot explain its scores; OCRReranker, JinaM0Reranker, "
            "Qwen3Reranker and Qwen3VLReranker can"
        )

    def warm(self, documents: Documents, *, show_progress: bool = False) -> None:
        """Read documents before there is a query, at indexing time.

        Does nothing here: a reranker that caches documents overrides it. Overrides raise the
        errors of `score`.
        """

    def close(self) -> None:
        """Release connections, devices and memory. Safe to call twice."""

    async def aclose(self) -> None:
        """As `close`, without blocking the event loop."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r})"

    def _scored(
        self, query: str | Content, documents: Documents
    ) -> tuple[list[Content], list[Scored]]:
        contents = check_documents(documents)
        scored = self._score(check_query(query), contents) if contents else []
        return contents, check_scores(scored, len(contents), self.model)

    async def _ascored(
        self, query: str | Content, documents: Documents
    ) -> tuple[list[Content], list[Scored]]:
        contents = check_documents(documents)
        scored = await self._ascore(check_query(query), contents) if contents else []
        return contents, check_scores(scored, len(contents), self.model)

    def _report(self, usage: Usage) -> None:
        for collected in _collecting.get():
            collected.append(usage)
        if self.on_usage is not None:
            self.on_usage(usage)


@contextmanager
def collected_usage() -> Iterator[list[Usage]]:
    """A list of the usage of all calls within the block, in addition to `on_usage`.

    Only of calls by this thread or task, so that an adapter can report them to its callbacks while
    others use the same reranker.
    """
    collected: list[Usage] = []
    token = _collecting.set((*_collecting.get(), collected))
    try:
        yield collected
    finally:
        _collecting.reset(token)


def rank(
    documents: Sequence[Content],
    scored: Sequence[Scored],
    *,
    top_n: int | None = None,
    min_score: float | None = None,
) -> list[RerankResult]:
    """Sort by score, best first and stable, then apply `min_score` and `top_n`.

    Documents that could not be scored are kept, regardless of `min_score`. Raises ValueError if there
    are not as many scores as documents.
    """
    results = [
        RerankResult(
            index=i,
            relevance_score=s.score,
            parts=s.parts,
            document=document,
            is_scored=s.is_scored,
        )
        for i, (document, s) in enumerate(zip(documents, scored, strict=True))
    ]
    results.sort(key=lambda result: -result.relevance_score)
    if min_score is not None:
        results = [
            result
            for result in results
            if result.relevance_score >= min_score or not result.is_scored
        ]
    return results[:top_n]


def check_query(query: str | Content) -> Content:
    """The query as `Content`. Raises `InvalidInputError` for an empty or unusable one."""
    content = Content(text=query) if isinstance(query, str) else query
    if not isinstance(content, Content):
        raise InvalidInputError(f"a query must be a str or a Content, not {type(query).__name__}")
    if content.is_blank:
        raise InvalidInputError("the query is empty: give it text or an image")
    return content


def check_documents(documents: Iterable[str | Content]) -> list[Content]:
    """The documents as `Content`. Raises `InvalidInputError` that names the first unusable one."""
    if isinstance(documents, (str, bytes, Content)) or not isinstance(documents, Iterable):
        raise InvalidInputError(
            f"documents must be a list of str or Content, not one {type(documents).__name__}"
        )
    contents: list[Content] = []
    for i, document in enumerate(documents):
        content = Content(text=document) if isinstance(document, str) else document
        if not isinstance(content, Content):
            raise InvalidInputError(
                f"documents[{i}] is a {type(document).__name__}; give a str or a Content "
                "(Content.from_dict reads a dict)"
            )
        contents.append(content)
    return contents


def check_method(reranker: Reranker, method: str | None, *known: Method) -> Method:
    """The method of an explanation, the first of `known` for None. Raises `InvalidInputError`."""
    for name in known:
        if method in (name, None):
            return name
    raise InvalidInputError(
        f"{type(reranker).__name__} explains by {' or '.join(known)}, not by {method!r}"
    )


def check_cut(top_n: int | None, min_score: float | None) -> None:
    """Raise `InvalidInputError` unless `top_n` is a positive integer and `min_score` a number."""
    if top_n is not None and (not isinstance(top_n, int) or isinstance(top_n, bool) or top_n < 1):
        raise InvalidInputError(f"top_n must be a positive integer or None, not {top_n!r}")
    if min_score is not None and (
        not isinstance(min_score, (int, float))
        or isinstance(min_score, bool)
        or math.isnan(min_score)
    ):
        raise InvalidInputError(f"min_score must be a number or None, not {min_score!r}")


def check_scores(scored: Sequence[Scored], count: int, model: str) -> list[Scored]:
    """One finite float per document. Raises `InvalidResponseError` if `_score` returned less."""
    if len(scored) != count:
        raise InvalidResponseError(f"{model} gave {len(scored)} scores for {count} documents")
    for i, item in enumerate(scored):
        if not math.isfinite(item.score):
            raise InvalidResponseError(f"{model} gave documents[{i}] the score {item.score}")
    return [dataclasses.replace(item, score=float(item.score)) for item in scored]
