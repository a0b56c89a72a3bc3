"""What one call knows: its keys, the scores that are missing, its usage and its log line."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import (
    figures,
    reranker_for,
)

from mmrerank import (
    APIError,
    Content,
    Modalities,
    Usage,
)
from mmrerank.fusion import fan_out, max_score
from mmrerank.http.call import RerankCall, UsageCounter, digest, score_keys
from mmrerank.testing import LocalRerankServer


def planned(*texts, queries=("q",), listwise=False, context=b"model"):
    plan = fan_out([Content(text) for text in texts], Modalities())
    parts = [Content(query) for query in queries]
    keys = score_keys(context, parts, plan, listwise=listwise)
    return RerankCall(len(texts), plan, parts, keys, math.inf, {})


def test_equal_keys_mean_equal_questions():
    (first,), (second,) = planned("a", "b").keys, planned("c", "b").keys
    assert first[1] == second[1]
    assert first[0] != second[0]
    assert planned("a", queries=("q", "r")).keys[0] != planned("a", queries=("q", "r")).keys[1]
    assert planned("a", context=b"other").keys != planned("a").keys


def test_a_listwise_key_depends_on_all_documents():
    (first,), (second,) = planned("a", "b", listwise=True).keys, planned("c", "b", listwise=True).keys  # fmt: skip
    assert first[1] != second[1]


def test_no_two_sequences_have_the_same_digest():
    assert len(digest([b"ab", b"c"])) == 16
    assert len({digest(pieces) for pieces in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [])}) == 4


def test_what_is_known_is_not_missing():
    call = planned("a", "b", "a")
    assert [item.text for item in call.missing(0).values()] == ["a", "b"]
    call.scores[call.keys[0][0]] = 0.5
    assert [item.text for item in call.missing(0).values()] == ["b"]


def test_scores_of_several_query_parts_are_averaged():
    call = planned("a", queries=("q", "r"))
    call.scores = {call.keys[0][0]: 0.2, call.keys[1][0]: 0.6}
    (scored,) = call.fuse(max_score)
    assert scored.score == pytest.approx(0.4)


def test_usage_is_reported_after_an_error_too():
    seen, call = [], planned("a", "b")
    call.counter.add(requests=2, retries=1)
    with pytest.raises(APIError), call.usage_reported("m", seen.append):
        raise APIError("failed")
    assert seen == [Usage(model="m", documents=2, parts=2, images=0, requests=2, retries=1, total_tokens=None, bytes_sent=0, cache_hits=0)]  # fmt: skip


def test_threads_lose_no_count():
    counter = UsageCounter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counter.add(requests=1, tokens=2), range(500)))
    assert (counter.counts["requests"], counter.counts["tokens"]) == (500, 1000)


FIGURES = figures(6)


def test_usage_counts_what_was_sent():
    seen = []
    with LocalRerankServer(faults=[503]) as server:
        with reranker_for(server, on_usage=seen.append) as reranker:
            reranker.score("x", ["a", "a", "", Content("b", FIGURES[:1])])
        (usage,) = seen
        assert (usage.documents, usage.parts, usage.images) == (4, 3, 1)
        assert (usage.requests, usage.retries, usage.total_tokens) == (2, 1, 30)
        assert usage.bytes_sent == sum(int(h["content-length"]) for h in server.headers)


def test_one_structured_line_a_call(caplog):
    caplog.set_level(logging.DEBUG, logger="mmrerank.http")
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        reranker.score("secret question", [Content("secret", FIGURES[:1])])
    (record,) = [record for record in caplog.records if record.name == "mmrerank.http"]
    assert "model=jina-reranker-m0 documents=1 parts=2 images=1 requests=1" in record.message
    assert record.mmrerank["outcome"] == "ok"
    assert record.mmrerank["seconds"] < 5
    assert "secret" not in record.message
