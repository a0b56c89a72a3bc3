"""What a reranker writes into a document's metadata: the same in every framework."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmrerank.images.refs import (
    BEST_IMAGE_KEY,
    GENERATED_CAPTIONS_KEY,
    IS_SCORED_KEY,
    PARTS_KEY,
    RELEVANCE_KEY,
    RESULT_KEYS,
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_ROUTES_KEY,
    RETRIEVAL_SCORE_KEY,
    ImageKey,
    find_refs,
)
from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.hits import HitPart, parts_of
from mmrerank.loaders.figure_chunks import KIND_KEY
from mmrerank.types import RerankResult

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit

__all__ = ["Shown", "hit_metadata", "merged_figures", "scored_metadata", "with_result_of"]


def scored_metadata(
    metadata: Mapping[str, Any],
    result: RerankResult,
    refs: Sequence[str],
    retrieval_score: float | None,
) -> dict[str, Any]:
    """A copy of a document's metadata with the result of reranking it.

    Always set: `relevance_score`. Set by the first reranker only, so that after several both are
    still those of the retrieval: `retrieval_rank` (from 1) and `retrieval_score`, if there is one
    (if it is None, a `retrieval_score` left by something else is removed).
    `is_scored` is set only where it is False, and `best_image`, one of `refs`, only where an image
    won, `part_scores` only where a document has several parts; those of an earlier reranker are
    removed. `refs` are the references of the result's images, in order.
    """
    stale = (BEST_IMAGE_KEY, IS_SCORED_KEY, PARTS_KEY)
    scored = {key: value for key, value in metadata.items() if key not in stale}
    if RETRIEVAL_RANK_KEY not in scored:  # this is the first reranker
        scored[RETRIEVAL_RANK_KEY] = result.index + 1
        scored.pop(RETRIEVAL_SCORE_KEY, None)
        if retrieval_score is not None:
            scored[RETRIEVAL_SCORE_KEY] = float(retrieval_score)
    scored[RELEVANCE_KEY] = result.relevance_score
    if not result.is_scored:
        scored[IS_SCORED_KEY] = False
    if result.best_image is not None:
        scored[BEST_IMAGE_KEY] = refs[result.best_image]
    kind = str(metadata.get(KIND_KEY))
    if parts := _written_parts(parts_of(result, refs, kind)):
        scored[PARTS_KEY] = parts
    return scored


def hit_metadata(hit: Hit, *, reranked: bool) -> dict[str, Any]:
    """The metadata of an index's result: the loader's, and the same keys as `scored_metadata`.

    `relevance_score` is missing where no reranker was asked. `best_image` is also set where a
    figure's own entry was found, by its words or vector. `generated_captions` holds what models
    said of the images (`GENERATED_CAPTIONS_KEY`), where they were asked.
    """
    metadata = {
        **hit.metadata,
        RETRIEVAL_RANK_KEY: hit.retrieval_rank,
        RETRIEVAL_SCORE_KEY: hit.retrieval_score,
    }
    if reranked:
        metadata[RELEVANCE_KEY] = hit.score
    if not hit.is_scored:
        metadata[IS_SCORED_KEY] = False
    if hit.best_image is not None:
        metadata[BEST_IMAGE_KEY] = hit.best_image
    if hit.routes:
        metadata[RETRIEVAL_ROUTES_KEY] = json.dumps(dict(hit.routes))
    if parts := _written_parts(hit.parts):
        metadata[PARTS_KEY] = parts
    if said := _generated_captions(hit):
        metadata[GENERATED_CAPTIONS_KEY] = said
    return metadata


def _written_parts(parts: Sequence[HitPart]) -> str | None:
    """The scores of several parts as `PARTS_KEY` has them; None for one part or none."""
    if len(parts) < 2:
        return None
    rows = [
        {"part": part.kind, "score": part.score}
        | ({} if part.image is None else {"image": part.image})
        for part in parts
    ]
    return json.dumps(rows, ensure_ascii=False)


def _generated_captions(hit: Hit) -> str | None:
    said = {
        image.path: {"caption": image.generated_caption, "model": image.generated_by}
        for image in hit.images
        if image.generated_caption
    }
    return json.dumps(said, ensure_ascii=False) if said else None


@dataclass(frozen=True, slots=True)
class Shown:
    """A result after figures were merged: the index of the document that shows it, its image."""

    result: RerankResult
    document: int
    best_image: str | None


@dataclass(frozen=True, slots=True)
class _TextOrFigure:
    index: int
    kind: str
    images: Sequence[str]


def merged_figures(
    metadata: Sequence[Mapping[str, Any]],
    results: Sequence[RerankResult],
    refs: Sequence[Sequence[str]],
    image_key: ImageKey,
) -> list[Shown]:
    """Results in which a figure's chunk and the chunk that cites it are one (`one_per_figure`).

    `metadata` is that of the documents in the order in which they were reranked, `refs` are the
    references of the images that were read of each.
    """
    documents = [
        _TextOrFigure(i, str(own.get(KIND_KEY)), find_refs(own, image_key, lambda _: None))
        for i, own in enumerate(metadata)
    ]
    by_index = {result.index: result for result in results}
    ranked = [
        Ranked(
            documents[result.index],
            result.index,
            result.relevance_score,
            None if result.best_image is None else refs[result.index][result.best_image],
        )
        for result in results
    ]
    return [
        Shown(by_index[one.candidate], one.entry.index, one.best_image)
        for one in one_per_figure(ranked)
    ]


def with_result_of(
    scored: Mapping[str, Any], metadata: Mapping[str, Any], best_image: str | None
) -> dict[str, Any]:
    """A copy of `metadata` with the result in `scored`, the metadata of another document."""
    kept = {key: value for key, value in metadata.items() if key not in RESULT_KEYS}
    result = {key: scored[key] for key in RESULT_KEYS if key in scored}
    return {**kept, **result, **({} if best_image is None else {BEST_IMAGE_KEY: best_image})}
