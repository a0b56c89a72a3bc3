"""Searching an index with the model that the server owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mmrerank.base import Reranker
from mmrerank.display.page import ResultsPage, show
from mmrerank.errors import UnsupportedOperationError
from mmrerank.index.hits import Stages
from mmrerank.index.index import Index
from mmrerank.index.search import SearchSettings
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.serve.problems import RefusedError
from mmrerank.serve.scheduler import Scheduler
from mmrerank.threads import run_in_thread
from mmrerank.types import Content, Scored

__all__ = ["Searches"]

T = TypeVar("T")


class Searches:
    """Searches of one index. At most `max_searches` run at the same time; others are refused."""

    def __init__(self, index: Index, scheduler: Scheduler, max_searches: int) -> None:
        self._index, self._scheduler, self._max = index, scheduler, max_searches
        self._now = 0
        self._explaining = asyncio.Lock()

    @property
    def can_explain(self) -> bool:
        """Whether a result can be explained by its own words and images.

        A listwise reranker would need the statistics of the search, too.
        """
        reranker = self._scheduler.reranker
        explains = type(reranker)._explain is not Reranker._explain  # noqa: SLF001
        return explains and not reranker.listwise

    async def stages(self, query: str, settings: SearchSettings) -> Stages:
        """Both stages of a search. Raises `RefusedError` (429), and as `Index.stages`."""
        if self._now >= self._max:
            raise RefusedError(429, "busy", "too many searches are running", retry_after=1.0)
        self._now += 1
        try:
            return await self._index.astages(
                query,
                self._reranker(),
                top_n=settings.top_n,
                fetch_k=settings.fetch_k,
                where=settings.where,
                routes=settings.routes,
            )
        finally:
            self._now -= 1

    async def page(
        self, query: str, settings: SearchSettings, *, pages: bool, explained: int | None
    ) -> ResultsPage:
        """A search as a page; `explained` is the rank of a result whose score is explained.

        Raises as `stages`, and `UnsupportedOperationError` if the model cannot explain.
        """
        found = show(await self.stages(query, settings), query, pages=pages)
        if explained is None:
            return found
        if not self.can_explain:
            raise UnsupportedOperationError("the model of this server cannot explain a score")
        async with self._explaining:  # it takes as long as many scores
            return await in_thread(lambda: found.explained_at(explained, self._scheduler.reranker))

    def _reranker(self) -> Reranker:
        """What a search reranks with.

        `OCRReranker` gets statistics and pages of the index with each call, and owns no device.
        """
        reranker = self._scheduler.reranker
        return reranker if isinstance(reranker, OCRReranker) else _Queued(self._scheduler)


class _Queued(Reranker):
    """The server's model behind its queue, for whoever wants a `Reranker`."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        behind = scheduler.reranker
        self.model, self.modalities, self.listwise = (
            behind.model,
            behind.modalities,
            behind.listwise,
        )
        self.max_images_per_document = behind.max_images_per_document
        self._scheduler = scheduler

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        raise UnsupportedOperationError("a queue is awaited: use ascore or arerank")

    async def _ascore(self, query: Content, documents: list[Content]) -> list[Scored]:
        answer = await self._scheduler.submit(query, documents)
        self._report(answer.usage)
        return answer.scored


async def in_thread(function: Callable[[], T]) -> T:
    """The result of `function`, which runs in a thread."""
    return await asyncio.wrap_future(run_in_thread(function))
