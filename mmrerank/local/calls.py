"""A call of a local model as pairs of a query and an item, which may be scored with those of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmrerank.fusion import FanOut
from mmrerank.local.prompt.prompt import Prompt
from mmrerank.types import Content, Usage

__all__ = ["Call", "Pair", "PairScore", "prompts_of"]


@dataclass(frozen=True, slots=True)
class Pair:
    """What one prompt is made of: a query, or a part of it, and a document, or a part of it."""

    query: Content
    item: Content


@dataclass(frozen=True, slots=True)
class PairScore:
    """The logit of a pair, the tokens of its prompt, and what was cut to fit into it."""

    logit: float
    tokens: int
    cut: bool
    query_cut: bool


@dataclass(frozen=True, slots=True)
class Call:
    """What a call has to score: each of `queries`, which are the parts of its query, with each item."""

    documents: int
    plan: FanOut
    queries: list[Content]

    @property
    def pairs(self) -> list[Pair]:
        """What has to be scored; all items of the first part of the query come first."""
        return [Pair(query, item) for query in self.queries for item in self.plan.items]

    def by_item(self, scores: Sequence[PairScore]) -> list[list[PairScore]]:
        """The scores of `pairs`, a list for each item."""
        items = len(self.plan.items)
        return [list(scores[i::items]) for i in range(items)]

    def by_query(self, scores: Sequence[PairScore]) -> list[Sequence[PairScore]]:
        """The scores of `pairs`, those of all items for each part of the query."""
        items = len(self.plan.items)
        return [scores[i * items : (i + 1) * items] for i in range(len(self.queries))]

    def cut_items(self, scores: Sequence[PairScore]) -> int:
        """How many items were cut to fit for at least one part of the query."""
        return sum(any(score.cut for score in item) for item in self.by_item(scores))

    def without_score(self, scores: Sequence[float]) -> list[int]:
        """The documents of which an item has a score that is not finite."""
        bad = {i for i, score in enumerate(scores) if not math.isfinite(score)}
        return [
            i
            for i, (parts, joint) in enumerate(zip(self.plan.parts, self.plan.joint, strict=True))
            if joint in bad or any(part.item in bad for part in parts)
        ]

    def usage(self, model: str, scores: Sequence[PairScore]) -> Usage:
        """What the call used."""
        return Usage(
            model=model,
            documents=self.documents,
            parts=len(scores),
            images=sum(len(item.images) for item in self.plan.items),
            total_tokens=sum(score.tokens for score in scores),
            truncated=self.cut_items(scores) + any(score.query_cut for score in scores),
        )


def prompts_of(
    pairs: Sequence[Pair],
    make_prompts: Callable[[Content, Sequence[Content]], tuple[list[Prompt], bool]],
) -> tuple[list[Prompt], list[bool]]:
    """The prompt of each pair, and whether its query was cut to fit.

    `make_prompts` does both for one query and some of its items.
    """
    rows_of: dict[Content, list[int]] = {}
    for row, pair in enumerate(pairs):
        rows_of.setdefault(pair.query, []).append(row)
    made: dict[int, tuple[Prompt, bool]] = {}
    for query, rows in rows_of.items():
        prompts, query_cut = make_prompts(query, [pairs[row].item for row in rows])
        made |= {row: (prompt, query_cut) for row, prompt in zip(rows, prompts, strict=True)}
    in_order = [made[row] for row in range(len(pairs))]
    return [prompt for prompt, _ in in_order], [query_cut for _, query_cut in in_order]
