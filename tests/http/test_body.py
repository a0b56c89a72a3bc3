"""Answers that unpack to too much, or that nobody asked to be packed so."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import httpx
import pytest
import zstandard
from calling import canned_server, scores_of

from mmrerank import APIError, InvalidResponseError, JinaReranker, RateLimitError
from mmrerank.http.body import Body

RIGHT = json.dumps({"results": [{"index": 0, "relevance_score": 0.5}]}).encode()
BOMB = gzip.compress(b"0" * 2**27)  # 128 MiB
NESTED = gzip.compress(gzip.compress(BOMB))


def reranker_at(url, **options):
    return JinaReranker(api_key="k", base_url=url, max_retries=0, **options)


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", BOMB, "longer than"),
        ("gzip, gzip, gzip", NESTED, "encoded as 'gzip, gzip, gzip'"),
        ("zstd", zstandard.compress(b"0" * 2**27), "encoded as 'zstd'"),
        ("deflate", b"x", "encoded as 'deflate'"),
        ("br", b"x", "encoded as 'br'"),
        ("gzip", RIGHT, "gzip is broken"),
        ("gzip", gzip.compress(RIGHT)[:-9], "gzip ends too early"),
    ],
    ids=["one bomb", "nested", "zstd", "deflate", "br", "no gzip", "cut"],
)
def test_a_bomb_is_a_typed_error_and_costs_no_memory(mode, encoding, body, reason):
    headers = [("Content-Encoding", encoding)]
    with canned_server(headers=headers, body=body) as (url, _), reranker_at(url) as reranker:
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponseError, match=reason):
                scores_of(reranker, mode, "q", ["x"])
            assert tracemalloc.get_traced_memory()[1] < 150 * 2**20  # the limit, while it grows
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("encoding", [None, "identity", "gzip", "X-GZip"])
def test_plain_answers_and_one_gzip_are_read(mode, encoding):
    headers = [("Content-Encoding", encoding)] if encoding else []
    body = gzip.compress(RIGHT) if encoding and "ip" in encoding else RIGHT
    with canned_server(headers=headers, body=body) as (url, seen), reranker_at(url) as reranker:
        assert scores_of(reranker, mode, "q", ["x"]) == [0.5]
    assert [headers["accept-encoding"] for _, headers in seen] == ["identity"]


def test_an_error_in_another_encoding_keeps_its_status(mode):
    headers = [("Content-Encoding", "zstd"), ("Retry-After", "7")]
    with (
        canned_server(429, headers, BOMB) as (url, _),
        reranker_at(url) as reranker,
        pytest.raises(RateLimitError) as caught,
    ):
        scores_of(reranker, mode, "q", ["x"])
    assert caught.value.retry_after == 7


def test_a_bomb_in_an_error_keeps_its_status(mode):
    with (
        canned_server(400, [("Content-Encoding", "gzip")], BOMB) as (url, _),
        reranker_at(url) as reranker,
        pytest.raises(APIError, match="400"),
    ):
        scores_of(reranker, mode, "q", ["x"])


def test_an_answer_that_a_hook_has_read_is_used():
    with (
        canned_server(headers=[("Content-Encoding", "gzip")], body=gzip.compress(RIGHT)) as (
            url,
            _,
        ),
        httpx.Client(event_hooks={"response": [lambda answer: answer.read()]}) as client,
    ):
        assert reranker_at(url, client=client).score("q", ["x"]) == [0.5]


def test_the_limit_holds_for_each_piece():
    body = Body("", "m", max_bytes=10)
    body.add(b"12345")
    body.add(b"67890")
    assert body.content() == b"1234567890"
    with pytest.raises(InvalidResponseError, match=r"^m: .* longer than 10 bytes"):
        body.add(b"1")
    packed = Body("gzip", "m", max_bytes=10)
    with pytest.raises(InvalidResponseError, match="longer than 10"):
        packed.add(gzip.compress(b"x" * 1000))
