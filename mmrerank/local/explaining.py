"""Explains the score of a local model: from weights of tokens to words, cells and parts.

The rest of `LocalReranker.explain`, in a file of its own; so it uses what is private to the class.
"""
# ruff: noqa: SLF001

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from mmrerank.base import check_method
from mmrerank.errors import UnsupportedOperationError
from mmrerank.explanation import ExplainedPart, Explanation, ImageMap, Method, WordWeight
from mmrerank.fusion import FanOut, Fusion, split_query
from mmrerank.images.facts import image_facts
from mmrerank.local.calls import Call, Pair, PairScore
from mmrerank.local.device import Quantization
from mmrerank.local.prompt.layout import Owner, TokenPlace, words
from mmrerank.local.prompt.prompt import ImagePart, Prompt
from mmrerank.types import Content, Modalities, Scored

if TYPE_CHECKING:
    from mmrerank.local.compute.engine import Engine

__all__ = ["explain"]

_STEP = 1e-6  # by which a part's score is moved, to see how the document's score follows


class Explainable(Protocol):
    """What an explanation needs of a `LocalReranker`, which imports this file."""

    model: str
    modalities: Modalities
    _fusion: Fusion
    _quantization: Quantization | None
    _lock: RLock

    def _open_engine(self) -> Engine: ...

    def _plan(self, documents: list[Content]) -> FanOut: ...

    def _prompts(self, query: Content, items: Sequence[Content]) -> tuple[list[Prompt], bool]: ...

    def _places(self, query: Content, item: Content) -> list[TokenPlace | None]: ...

    def _item_values(self, call: Call, scores: Sequence[PairScore]) -> list[float]: ...

    def _warn_of_cuts(self, call: Call, scores: Sequence[PairScore]) -> None: ...


Compute = Callable[["Engine", Sequence[Pair], None], list[PairScore]]


def explain(
    reranker: Explainable,
    compute: Compute,
    query: Content,
    document: Content,
    method: Method | None,
) -> Explanation:
    """The explanation of one document's score; see `Reranker.explain`.

    `compute` computes the logits of items from their whole prompts. The reranker's lock is held
    meanwhile, as by a call that scores. Its cache is neither read nor written.
    """
    from mmrerank.local.compute.explain import without_cache

    method = check_method(type(reranker).__name__, method, "integrated_gradients", "leave_one_out")
    if method == "integrated_gradients" and reranker._quantization is not None:
        raise UnsupportedOperationError(
            f"{reranker._quantization} weights have no gradients that can be relied on: use "
            "method='leave_one_out', or load the model without quantization"
        )
    plan, fusion = reranker._plan([document]), reranker._fusion
    asked = split_query(query, reranker.modalities)
    total = _Total()
    with reranker._lock:
        engine = without_cache(reranker._open_engine())
        call = Call(1, plan, asked)
        scored = compute(engine, call.pairs, None)
        reranker._warn_of_cuts(call, scored)
        scores, by_query = reranker._item_values(call, scored), call.by_query(scored)
        for item, share in _shares(plan, scores, fusion).items():
            for part, own in zip(asked, by_query, strict=True):
                (prompt,), _ = reranker._prompts(part, [plan.items[item]])
                places = reranker._places(part, plan.items[item])
                groups = list(_words(places, part, plan.items[item]))
                if method == "leave_one_out":
                    found = _left_out(engine, prompt, groups, own[item].logit)
                else:
                    found = _by_gradients(engine, prompt, groups, places)
                total.add(
                    found, own[item].logit, share / len(asked), _images(plan, item, query, part)
                )
    (fused,) = plan.fuse(scores, fusion)
    return total.explanation(reranker.model, method, fused, _parts(fused, fusion))


def _shares(plan: FanOut, scores: Sequence[float], fusion: Fusion) -> dict[int, float]:
    """The items that made the document's score, and the share of each."""
    if plan.joint[0] is not None:
        return {plan.joint[0]: 1.0}
    (scored,) = plan.fuse(scores, fusion)
    found: dict[int, float] = defaultdict(float)
    for part, one in zip(plan.parts[0], _parts(scored, fusion), strict=True):
        found[part.item] += one.share
    return {item: share for item, share in found.items() if share}


def _parts(scored: Scored, fusion: Fusion) -> tuple[ExplainedPart, ...]:
    """The parts of a document with their shares: how the score follows when a part's score moves.

    Parts that are equally the best have equal shares.
    """

    def moved(number: int, step: float) -> float:
        parts = list(scored.parts)
        parts[number] = replace(parts[number], score=parts[number].score + step)
        return fusion(parts)

    return tuple(
        ExplainedPart(
            kind=part.kind,
            score=part.score,
            image=part.image,
            share=round((moved(i, _STEP) - moved(i, -_STEP)) / (2 * _STEP), 6) + 0.0,
        )
        for i, part in enumerate(scored.parts)
    )


@dataclass(frozen=True, slots=True)
class _Explained:
    """One prompt: the logits of its baselines, and the weights of its words and images."""

    baselines: dict[Owner, float]
    words: list[tuple[Owner, WordWeight]]
    maps: list[tuple[Owner, ImageMap]]


def _left_out(engine: Engine, prompt: Prompt, groups: Sequence[_Word], logit: float) -> _Explained:
    """The explanation of one prompt by leaving out word after word."""
    from mmrerank.local.compute.explain import leave_out

    logits = leave_out(engine, prompt, [tokens for _, _, tokens in groups])
    weighed = [
        (owner, replace(word, weight=logit - other))
        for (owner, word, _), other in zip(groups, logits, strict=True)
    ]
    return _Explained({}, weighed, [])


def _by_gradients(
    engine: Engine, prompt: Prompt, groups: Sequence[_Word], places: Sequence[TokenPlace | None]
) -> _Explained:
    """The explanation of one prompt by integrated gradients: of the document, then of the query."""
    from mmrerank.local.compute.explain import STEPS, Gradients

    rows: dict[Owner, list[int]] = {"query": [], "document": []}
    for i, place in enumerate(places):
        if place is not None:
            rows[place.owner].append(i)
    query, document = rows["query"], rows["document"]
    # the mean of a single token is the token itself
    mean_of = document if len(document) > 1 else query + document
    gradients = Gradients(engine, prompt)
    follows = query[:1] > document[:1]
    steps = {"document": STEPS, "query": gradients.query_steps(follows=follows)}
    found = {
        owner: gradients.along(own, mean_of, steps[owner]) for owner, own in rows.items() if own
    }
    words = [
        (owner, replace(word, weight=sum(found[owner].weights[i] for i in tokens)))
        for owner, word, tokens in groups
    ]
    maps: list[tuple[Owner, ImageMap]] = []
    for placed in prompt.images:
        if (place := places[placed.start]) is not None:
            own = found[place.owner].weights[placed.start : placed.start + placed.part.tokens]
            maps.append((place.owner, _map(placed.part, place.image or 0, own)))
    return _Explained({owner: one.baseline for owner, one in found.items()}, words, maps)


_Word = tuple[Owner, WordWeight, list[int]]


def _words(places: Sequence[TokenPlace | None], query: Content, item: Content) -> Iterator[_Word]:
    """The words of query and document, without weights, and the tokens of each."""
    texts: dict[Owner, str] = {"query": query.text or "", "document": item.text or ""}
    for owner, text in texts.items():
        own = [
            (i, place.start, place.end)
            for i, place in enumerate(places)
            if place is not None and place.owner == owner and place.image is None
        ]
        for start, end, tokens in words(text, [(start, end) for _, start, end in own]):
            word = WordWeight(text=text[start:end], start=start, end=end, weight=0.0)
            yield owner, word, [own[token][0] for token in tokens]


def _map(part: ImagePart, number: int, weights: Sequence[float]) -> ImageMap:
    facts = image_facts(part.image)
    starts = range(0, part.tokens, part.columns)
    return ImageMap(
        image=number,
        rows=part.rows,
        columns=part.columns,
        width=facts.width,
        height=facts.height,
        weights=tuple(tuple(weights[start : start + part.columns]) for start in starts),
    )


_Images = dict[Owner, list[list[int]]]


def _images(plan: FanOut, item: int, query: Content, part: Content) -> _Images:
    """For each image of a prompt, which images of the whole query and document it is."""
    own = [one.image for one in plan.parts[0] if one.item == item and one.image is not None]
    document = [own]
    if plan.joint[0] == item:
        document = [[i] for i in range(len(plan.items[item].images))]
    if part == query:
        return {"document": document, "query": [[i] for i in range(len(query.images))]}
    same = [[i for i, one in enumerate(query.images) if one == image] for image in part.images]
    return {"document": document, "query": same}


class _Total:
    """The sum of the explanations of all prompts of a document."""

    def __init__(self) -> None:
        self.output = 0.0
        self.baselines: dict[Owner, float] = {}
        self.words: dict[Owner, dict[tuple[int, int], WordWeight]] = {"query": {}, "document": {}}
        self.maps: dict[Owner, dict[int, ImageMap]] = {"query": {}, "document": {}}

    def add(self, one: _Explained, logit: float, share: float, images: _Images) -> None:
        """Add the explanation of a prompt that has this share in the document's score."""
        self.output += share * logit
        for owner in self.words:  # without words or images, the baseline is the prompt itself
            baseline = one.baselines.get(owner, logit)
            if one.baselines:
                self.baselines[owner] = self.baselines.get(owner, 0.0) + share * baseline
        for owner, word in one.words:
            known, key = self.words[owner], (word.start, word.end)
            before = known[key].weight if key in known else 0.0
            known[key] = replace(word, weight=before + share * word.weight)
        for owner, cells in one.maps:
            same = images[owner][cells.image]  # an image that is there twice shares its weight
            for number in same:
                maps = self.maps[owner]
                maps[number] = _sum(maps.get(number), cells, number, share / len(same))

    def explanation(
        self, model: str, method: Method, scored: Scored, parts: tuple[ExplainedPart, ...]
    ) -> Explanation:
        """All of it; words in the order of the text, images in theirs."""
        words = {o: tuple(w for _, w in sorted(own.items())) for o, own in self.words.items()}
        maps = {o: tuple(m for _, m in sorted(own.items())) for o, own in self.maps.items()}
        gaps = {
            owner: self.output - baseline - _total_weight(words[owner], maps[owner])
            for owner, baseline in self.baselines.items()
        }
        return Explanation(
            model=model,
            method=method,
            score=scored.score,
            output=self.output,
            baseline=self.baselines.get("document"),
            gap=gaps.get("document"),
            query_baseline=self.baselines.get("query"),
            query_gap=gaps.get("query"),
            query=words["query"],
            document=words["document"],
            query_images=maps["query"],
            images=maps["document"],
            parts=parts,
        )


def _sum(before: ImageMap | None, cells: ImageMap, number: int, share: float) -> ImageMap:
    """The map of the image `number`: what was known before, and a share of these cells."""
    weights = tuple(tuple(share * weight for weight in line) for line in cells.weights)
    if before is not None:
        pairs = (zip(*lines, strict=True) for lines in zip(before.weights, weights, strict=True))
        weights = tuple(tuple(a + b for a, b in line) for line in pairs)
    return replace(cells, image=number, weights=weights)


def _total_weight(words: Sequence[WordWeight], maps: Sequence[ImageMap]) -> float:
    """The sum of all weights of a query or a document."""
    cells = (weight for one in maps for line in one.weights for weight in line)
    return math.fsum((*(word.weight for word in words), *cells))
