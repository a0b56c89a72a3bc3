"""What a reranker writes into metadata, for every framework alike."""

from __future__ import annotations

import dataclasses
import json

from mmrerank.index.hits import Hit, HitPart
from mmrerank.result_metadata import hit_metadata, scored_metadata
from mmrerank.types import Content, PartScore, RerankResult

RESULT = RerankResult(index=2, relevance_score=0.9, document=Content("text"))


def test_the_first_reranker_writes_the_rank_and_score_of_the_retrieval():
    before = {"source": "a.pdf"}
    after = scored_metadata(before, RESULT, [], 0.5)
    assert after == {
        "source": "a.pdf",
        "retrieval_rank": 3,
        "retrieval_score": 0.5,
        "relevance_score": 0.9,
    }
    assert before == {"source": "a.pdf"}


def test_a_second_reranker_keeps_them():
    first = scored_metadata({}, RESULT, [], 0.5)
    second = dataclasses.replace(RESULT, index=0, relevance_score=0.1)
    assert scored_metadata(first, second, [], 0.9) == {
        "retrieval_rank": 3,
        "retrieval_score": 0.5,
        "relevance_score": 0.1,
    }


def test_without_a_retrieval_score_none_is_written_and_a_stale_one_goes():
    assert "retrieval_score" not in scored_metadata({}, RESULT, [], None)
    assert "retrieval_score" not in scored_metadata({"retrieval_score": "old"}, RESULT, [], None)


def test_the_best_image_is_named_by_its_reference():
    parts = (PartScore("image", 0.2, 0), PartScore("image", 0.9, 1))
    result = dataclasses.replace(RESULT, parts=parts)
    scored = scored_metadata({}, result, ["a.png", "b.png"], None)
    assert scored["best_image"] == "b.png"
    assert json.loads(scored["part_scores"]) == [
        {"part": "image", "score": 0.2, "image": "a.png"},
        {"part": "image", "score": 0.9, "image": "b.png"},
    ]
    one = dataclasses.replace(RESULT, parts=parts[:1])
    assert "part_scores" not in scored_metadata(scored, one, ["a.png"], None)


def test_the_words_of_a_figures_own_chunk_are_called_so():
    parts = (PartScore("text", 0.3), PartScore("image", 0.9, 0))
    result = dataclasses.replace(RESULT, parts=parts)
    scored = scored_metadata({"kind": "figure"}, result, ["a.png"], None)
    assert json.loads(scored["part_scores"])[0] == {"part": "figure", "score": 0.3}


def test_best_image_and_is_scored_of_an_earlier_reranker_are_removed():
    stale = {"best_image": "a.png", "is_scored": False}
    assert not stale.keys() & scored_metadata(stale, RESULT, [], None).keys()


def test_is_scored_is_written_only_where_it_is_false():
    assert "is_scored" not in scored_metadata({}, RESULT, [], None)
    failed = dataclasses.replace(RESULT, is_scored=False)
    assert scored_metadata({}, failed, [], None)["is_scored"] is False


HIT = Hit(
    rank=1,
    score=0.9,
    retrieval_rank=3,
    retrieval_score=0.5,
    source="a.pdf",
    page=2,
    text="text",
    images=[],
    best_image="f.png",
    metadata={"source": "a.pdf", "year": 2020},
)


def test_a_result_of_an_index_has_the_same_keys():
    found = {"retrieval_rank": 3, "retrieval_score": 0.5, "best_image": "f.png"}
    metadata = hit_metadata(HIT, reranked=True)
    assert metadata == {**HIT.metadata, **found, "relevance_score": 0.9}
    assert hit_metadata(HIT, reranked=False) == {**HIT.metadata, **found}
    assert HIT.metadata == {"source": "a.pdf", "year": 2020}


def test_a_result_of_an_index_says_what_found_it_and_what_its_parts_scored():
    parts = (HitPart("text", 0.2), HitPart("image", 0.9, "f.png"))
    hit = dataclasses.replace(HIT, parts=parts, routes={"words": 2})
    metadata = hit_metadata(hit, reranked=True)
    assert metadata["retrieval_routes"] == '{"words": 2}'
    assert json.loads(metadata["part_scores"])[1]["image"] == "f.png"


def test_a_result_of_a_failed_call_says_so():
    metadata = hit_metadata(dataclasses.replace(HIT, is_scored=False), reranked=True)
    assert metadata["is_scored"] is False
