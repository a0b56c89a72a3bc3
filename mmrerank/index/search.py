"""One search of an index: what is asked for, and its two stages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from mmrerank.base import Reranker, check_query
from mmrerank.errors import InvalidInputError
from mmrerank.index.duplicates import Found
from mmrerank.index.figure_results import Ranked
from mmrerank.index.filters import Where
from mmrerank.index.hits import Hit, Routes, Stages
from mmrerank.index.ledger import Entry
from mmrerank.index.rank_fusion import FUSIONS, Fusion
from mmrerank.index.results import Results
from mmrerank.timing import Timer, report_time
from mmrerank.types import Content, RerankResult

__all__ = ["Query", "Search", "SearchOptions", "SearchSettings", "searchable"]


Query = str | Content


class SearchOptions(TypedDict, total=False):
    """The keywords of a search; see `Index.search`."""

    top_n: int
    fetch_k: int
    where: Where | None
    routes: Routes | None
    rerank_captions: bool
    fusion: Fusion


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The values of `SearchOptions`.

    Raises `InvalidInputError` for counts below 1 and an unknown fusion.
    """

    top_n: int = 5
    fetch_k: int = 50
    where: Where | None = None
    routes: Routes | None = None
    rerank_captions: bool = False
    fusion: Fusion = "ranks"

    def __post_init__(self) -> None:
        if any(not isinstance(n, int) or n < 1 for n in (self.top_n, self.fetch_k)):
            raise InvalidInputError("top_n and fetch_k must be whole numbers from 1 on")
        if self.fusion not in FUSIONS:
            raise InvalidInputError(f"fusion is {' or '.join(FUSIONS)}, not {self.fusion!r}")

    @property
    def candidates(self) -> int:
        """How many candidates are needed: never fewer than results."""
        return max(self.top_n, self.fetch_k)


def searchable(query: Query) -> Content:
    """A query whose halves of surrogate pairs are question marks, and whose text is not blank.

    Raises `InvalidInputError` for an empty query.
    """
    content = check_query(query)
    if content.text is None or not content.text.strip():
        return replace(content, text=None)
    return replace(content, text=content.text.encode("utf-8", "replace").decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search whose candidates are found and, with a reranker, ready to be reranked.

    `contents` is what the reranker reads of each candidate, `refs` the references of its images.
    `search_time` is how many seconds the candidates took. `is_scored` is False if there is a
    reranker that cannot read the query.
    """

    results: Results
    query: Content
    candidates: Sequence[Found]
    top_n: int
    search_time: float
    reranker: Reranker | None = None
    contents: Sequence[Content] = ()
    refs: Sequence[Sequence[str]] = ()
    is_scored: bool = True

    def hits(self) -> list[Hit]:
        """The best `top_n` results. Raises what the reranker raises."""
        if self.reranker is None:
            return self.found()
        begun = time.perf_counter()
        results = self.reranker.rerank(self.query, self.contents)
        hits = self._hits(self._reranked(results))
        report_time("rerank", time.perf_counter() - begun)
        return hits

    async def ahits(self) -> list[Hit]:
        """As `hits`, without blocking the event loop."""
        if self.reranker is None:
            return await asyncio.to_thread(self.found)
        begun = time.perf_counter()
        results = await self.reranker.arerank(self.query, self.contents)
        hits = await asyncio.to_thread(self._hits, self._reranked(results))
        report_time("rerank", time.perf_counter() - begun)
        return hits

    def found(self) -> list[Hit]:
        """The best `top_n` candidates, in the order of the routes' fusion."""
        return self._hits(
            [
                Ranked(c.entry, i, c.score, None, self.is_scored)
                for i, c in enumerate(self.candidates)
            ]
        )

    def stages(self) -> Stages:
        """What was found and what came of it, with the time of each stage."""
        timer = Timer()
        with timer.collecting():
            hits = self.hits()
        return self._stages(hits, timer)

    async def astages(self) -> Stages:
        """As `stages`, without blocking the event loop."""
        timer = Timer()
        with timer.collecting():
            hits = await self.ahits()
        return await asyncio.to_thread(self._stages, hits, timer)

    def _stages(self, hits: list[Hit], timer: Timer) -> Stages:
        if self.reranker is None:
            return Stages(hits, hits, False, self.search_time, 0.0)
        return Stages(self.found(), hits, True, self.search_time, timer.timings["rerank"])

    def _hits(self, ranked: Sequence[Ranked[Entry]]) -> list[Hit]:
        return self.results.hits(self.query, self.candidates, ranked, self.top_n)

    def _reranked(self, results: Sequence[RerankResult]) -> list[Ranked[Entry]]:
        return [
            Ranked(
                self.candidates[result.index].entry,
                result.index,
                result.relevance_score,
                None if result.best_image is None else self.refs[result.index][result.best_image],
                result.is_scored,
            )
            for result in results
        ]
