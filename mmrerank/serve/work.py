"""How the requests to a reranker are cut into units, and how units are computed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

from mmrerank.base import Reranker, collected_usage
from mmrerank.local.base import LocalReranker
from mmrerank.local.cache.memory import Reuse
from mmrerank.local.calls import Call, PairScore
from mmrerank.serve.queue import Request, ScoredRequest, Unit
from mmrerank.types import Content, RerankResult, Scored, Usage

__all__ = ["Pairs", "WholeRequests", "Work", "answer", "work_of"]

_BYTES_PER_TOKEN = 4  # of UTF-8, of English text; the speed is measured in the same tokens
_IMAGE_TOKENS = 768  # at most, in jina-reranker-m0
_AROUND = 4  # tokens of the template around a query or a document, about


class Work(Protocol):
    """What a scheduler's worker thread does for one kind of reranker."""

    @property
    def budget(self) -> int:
        """The most tokens that are computed at once."""

    def estimate(self, query: Content, documents: Sequence[Content]) -> int:
        """About how many tokens a request has. Reads no image."""

    def plans_at_once(self, query: Content, documents: Sequence[Content]) -> bool:
        """Whether `plan` opens no image and waits for no disk, so that short texts need no thread."""

    def plan(self, query: Content, documents: list[Content]) -> Request:
        """The units of a request. Raises what scoring would, where that is known already."""

    def compute(self, units: Sequence[Unit]) -> list[Any]:
        """The result of each unit. Raises what scoring any one of them raises."""

    def is_read(self, key: str) -> bool:
        """Whether the document with this key was read."""


def work_of(reranker: Reranker) -> Work:
    """The finest work that a reranker can be given."""
    return Pairs(reranker) if isinstance(reranker, LocalReranker) else WholeRequests(reranker)


class Pairs:
    """Query and item, for models that compute those of several requests together."""

    def __init__(self, reranker: LocalReranker) -> None:
        self._reranker = reranker
        reuse = reranker.settings.get("reuse")
        self._has_disk = isinstance(reuse, Reuse) and reuse.disk is not None

    @property
    def budget(self) -> int:
        """The model's own, which it halves when memory runs out."""
        return self._reranker.max_batch_tokens

    def estimate(self, query: Content, documents: Sequence[Content]) -> int:
        """About how many tokens the prompts have."""
        own = _tokens(query)
        return sum(self._fitted(own + _tokens(document)) for document in documents)

    def plans_at_once(self, query: Content, documents: Sequence[Content]) -> bool:
        """Whether there are texts only, and states in memory only."""
        has_images = any(content.images for content in (query, *documents))
        return not has_images and not self._has_disk

    def plan(self, query: Content, documents: list[Content]) -> Request:
        """A unit for each pair. Raises `UnsupportedModalityError` and `ImageError`."""
        call = self._reranker.plan_call(query, documents)
        keys = {item: self._reranker.state_key(item) for item in call.plan.items}
        read = {key for key in keys.values() if key is not None and self.is_read(key)}
        request = Request(functools.partial(self._finish, call))
        for pair in call.pairs:
            own, key = _tokens(pair.query), keys[pair.item]
            request.add(
                pair,
                tokens=self._fitted(own + _tokens(pair.item)),
                read_tokens=self._fitted(own),
                key=key,
                read=key in read,
            )
        return request

    def compute(self, units: Sequence[Unit]) -> list[PairScore]:
        """The score of each pair."""
        return self._reranker.score_pairs([unit.work for unit in units])

    def is_read(self, key: str) -> bool:
        """Whether the document's state is cached."""
        return self._reranker.has_state(key)

    def _fitted(self, tokens: int) -> int:
        return min(tokens, self._reranker.max_length)

    def _finish(self, call: Call, scores: list[PairScore]) -> ScoredRequest:
        with collected_usage() as used:
            scored = self._reranker.finish_call(call, scores)
        return ScoredRequest(scored=scored, usage=used[-1])


class WholeRequests:
    """One request at a time, for every other reranker."""

    budget = 1

    def __init__(self, reranker: Reranker) -> None:
        self._reranker = reranker

    def estimate(self, query: Content, documents: Sequence[Content]) -> int:
        """About how many tokens the request has."""
        return sum(_tokens(query) + _tokens(document) for document in documents)

    def plans_at_once(self, query: Content, documents: Sequence[Content]) -> bool:  # noqa: D102
        return True

    def plan(self, query: Content, documents: list[Content]) -> Request:
        """A single unit."""
        request = Request(lambda results: results[0])
        request.add((query, documents), tokens=self.estimate(query, documents), read=False)
        return request

    def compute(self, units: Sequence[Unit]) -> list[ScoredRequest]:
        """The answer to each request."""
        return [self._answer(*unit.work) for unit in units]

    def is_read(self, key: str) -> bool:  # noqa: D102
        return False

    def _answer(self, query: Content, documents: list[Content]) -> ScoredRequest:
        with collected_usage() as used:
            results = self._reranker.rerank(query, documents)
        return answer(self._reranker, results, used)


def answer(
    reranker: Reranker, results: Sequence[RerankResult], used: Sequence[Usage]
) -> ScoredRequest:
    """The answer in the order of the documents; a reranker that has others reports its own usage last."""
    scored = {
        r.index: Scored(r.relevance_score, parts=r.parts, is_scored=r.is_scored) for r in results
    }
    nothing = Usage(model=reranker.model, documents=len(scored), parts=0, images=0)
    in_order = [scored[i] for i in range(len(scored))]
    return ScoredRequest(scored=in_order, usage=used[-1] if used else nothing)


def _tokens(content: Content) -> int:
    text = len((content.text or "").encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN
    return _AROUND + text + _IMAGE_TOKENS * len(content.images)
