"""Explains the score of a local model: from weights of tokens to words, cells and parts.

The rest of `LocalReranker.explain`, in a file of its own; so it uses what is private to the class.
"""
# ruff: noqa: SLF001

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmrerank.base import check_method
from mmrerank.errors import UnsupportedOperationError
from mmrerank.explanation import ExplainedPart, Explanation, ImageMap, Method, WordWeight
from mmrerank.fusion import FanOut, Fusion, split_query
from mmrerank.images.facts import image_facts
from mmrerank.local.prompt.layout import Owner, TokenPlace, words
from mmrerank.local.prompt.prompt import ImagePart, Prompt
from mmrerank.types import Content, Scored

if TYPE_CHECKING:
    from mmrerank.local.base import LocalReranker
    from mmrerank.local.compute.engine import Engine

__all__ = ["explain"]

_STEP = 1e-6  # by which a part's score is moved, to see how the document's score follows


def explain(
    reranker: LocalReranker, query: Content, document: Content, method: Method | None
) -> Explanation:
    """The explanation of one document's score; see `Reranker.explain`.

    The reranker's lock is held meanwhile, as by a call that scores. Its cache is neither read nor
    written.
    """
    from mmrerank.local.compute.explain import without_cache

    method = check_method(reranker, method, "integrated_gradients", "leave_one_out")
    if method == "integrated_gradients" and reranker._quantization is not None:
        raise UnsupportedOperationError(
            f"{reranker._quantization} weights have no gradients that can be relied on: use "
            "method='leave_one_out', or load the model without quantization"
        )
    plan, fusion = reranker._plan([document]), reranker._fusion
    asked = split_query(query, reranker.modalities)
    with reranker._lock:
        engine = without_cache(reranker._open_engine())
        scores = _uncached_scores(reranker, engine, asked, plan)
        (scored,) = plan.fuse(scores, fusion)
        shares = _shares(plan, scores, fusion)
        total = _Total()
        for item, share in shares.items():
            for part in asked:
                explained = _explained(reranker, engine, method, part, plan.items[item])
                _add(total, explained, share / len(asked), _owners(plan, item, query, part))
    return total.explanation(reranker.model, method, scored, _parts(scored, fusion))


def _uncached_scores(
    reranker: LocalReranker, engine: Engine, asked: Sequence[Content], plan: FanOut
) -> list[float]:
    """The score of each item, computed from its whole prompts."""
    from mmrerank.local.base import LocalReranker

    compute = LocalReranker._score_items  # a subclass may have one that reads the cache
    scored = [compute(reranker, engine, part, plan.items, None) for part in asked]
    reranker._warn_of_cuts(plan, scored)
    return reranker._item_scores(plan, scored)


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
    """One prompt: its logit, that of its baseline, and the weights of its words and images."""

    logit: float
    baseline: float | None
    words: list[tuple[Owner, WordWeight]]
    maps: list[tuple[Owner, ImageMap]]


def _explained(
    reranker: LocalReranker, engine: Engine, method: Method, query: Content, item: Content
) -> _Explained:
    """The explanation of one prompt."""
    from mmrerank.local.compute.explain import integrated_gradients, leave_out

    (prompt,), _ = reranker._prompts(query, [item])
    places = reranker._places(query, item)
    groups = list(_words(places, query, item))
    if method == "leave_one_out":
        logit, losses = leave_out(engine, prompt, [rows for _, _, rows in groups])
        weighed = zip(groups, losses, strict=True)
        return _Explained(logit, None, [(o, replace(w, weight=x)) for (o, w, _), x in weighed], [])
    rows = [i for i, place in enumerate(places) if place is not None]
    document = [i for i in rows if (place := places[i]) and place.owner == "document"]
    found = integrated_gradients(engine, prompt, rows, document)
    return _Explained(
        found.logit,
        found.baseline,
        [(o, replace(w, weight=sum(found.weights[i] for i in own))) for o, w, own in groups],
        list(_maps(prompt, places, found.weights)),
    )


def _words(
    places: Sequence[TokenPlace | None], query: Content, item: Content
) -> Iterator[tuple[Owner, WordWeight, list[int]]]:
    """The words of query and document, without weights, and the tokens of each."""
    for owner, text in (("query", query.text or ""), ("document", item.text or "")):
        own = [
            (i, place.start, place.end)
            for i, place in enumerate(places)
            if place is not None and place.owner == owner and place.image is None
        ]
        for start, end, tokens in words(text, [(start, end) for _, start, end in own]):
            word = WordWeight(text=text[start:end], start=start, end=end, weight=0.0)
            yield owner, word, [own[token][0] for token in tokens]


def _maps(
    prompt: Prompt, places: Sequence[TokenPlace | None], weights: Sequence[float]
) -> Iterator[tuple[Owner, ImageMap]]:
    """The weights of each image's cells; `image` counts the images of each owner."""
    for placed in prompt.images:
        place = places[placed.start]
        assert place is not None, "an image without an owner"
        own = weights[placed.start : placed.start + placed.part.tokens]
        yield place.owner, _map(placed.part, place.image or 0, own)


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


def _owners(plan: FanOut, item: int, query: Content, part: Content) -> _Images:
    """For each image of a prompt, which images of the whole query and document it is."""
    if plan.joint[0] == item:
        document = [[i] for i in range(len(plan.items[item].images))]
    else:
        document = [
            [one.image for one in plan.parts[0] if one.item == item and one.image is not None]
        ]
    if part == query:
        return {"document": document, "query": [[i] for i in range(len(query.images))]}
    same = [[i for i, one in enumerate(query.images) if one == image] for image in part.images]
    return {"document": document, "query": same}


@dataclass(slots=True)
class _Total:
    """The sum of the explanations of all prompts of a document."""

    output: float = 0.0
    baseline: float | None = None
    words: dict[Owner, dict[tuple[int, int], WordWeight]] = field(
        default_factory=lambda: {"query": {}, "document": {}}
    )
    maps: dict[Owner, dict[int, ImageMap]] = field(
        default_factory=lambda: {"query": {}, "document": {}}
    )

    def explanation(
        self, model: str, method: Method, scored: Scored, parts: tuple[ExplainedPart, ...]
    ) -> Explanation:
        """All of it; words in the order of the text, images in theirs."""
        words = {o: tuple(w for _, w in sorted(own.items())) for o, own in self.words.items()}
        maps = {o: tuple(m for _, m in sorted(own.items())) for o, own in self.maps.items()}
        weights = [w.weight for own in words.values() for w in own]
        weights += [x for own in maps.values() for m in own for row in m.weights for x in row]
        rest = None if self.baseline is None else self.output - self.baseline - sum(weights)
        return Explanation(
            model=model,
            method=method,
            score=scored.score,
            output=self.output,
            baseline=self.baseline,
            gap=rest,
            query=words["query"],
            document=words["document"],
            query_images=maps["query"],
            images=maps["document"],
            parts=parts,
        )


def _add(total: _Total, one: _Explained, share: float, images: _Images) -> None:
    """Add the explanation of a prompt that has this share in the document's score."""
    total.output += share * one.logit
    if one.baseline is not None:
        total.baseline = (total.baseline or 0.0) + share * one.baseline
    for owner, word in one.words:
        own = total.words[owner]
        key = (word.start, word.end)
        before = own[key].weight if key in own else 0.0
        own[key] = replace(word, weight=before + share * word.weight)
    for owner, cells in one.maps:
        same = images[owner][cells.image]  # an image that is there twice shares its weight
        for number in same:
            _add_map(total.maps[owner], replace(cells, image=number), share / len(same))


def _add_map(maps: dict[int, ImageMap], cells: ImageMap, share: float) -> None:
    before = maps.get(cells.image)
    weights = tuple(
        tuple(
            share * weight + (before.weights[row][column] if before else 0.0)
            for column, weight in enumerate(line)
        )
        for row, line in enumerate(cells.weights)
    )
    maps[cells.image] = replace(cells, weights=weights)
