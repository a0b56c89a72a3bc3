"""Retries, pauses and redirects of a request."""

from __future__ import annotations

import contextlib
import time

import httpx
import pytest
from calling import (
    DOCUMENTS,
    MANY,
    RIGHT,
    canned_server,
    fault_name,
    patience,
    reranker_for,
    scores_of,
)

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    JinaReranker,
    RateLimitError,
)
from mmrerank.http.retrying import pause_before_retry
from mmrerank.testing import LocalRerankServer, Refusal

EXHAUSTED = [(500, APIError), (429, RateLimitError), ("drop", APIConnectionError), ("reset", APIConnectionError), ("cut", APIConnectionError), ("timeout", APITimeoutError)]  # fmt: skip


STATUSES = [408, 429, 500, 502, 503, 504, Refusal(429, {"Retry-After": "0.05"}), Refusal(503, {"Retry-After": "0.05"})]  # fmt: skip


@pytest.mark.parametrize("fault", STATUSES, ids=fault_name)
def test_a_temporary_status_ends_in_the_right_scores(server, fault, no_waiting):
    server.faults = [fault, fault]
    with reranker_for(server) as reranker:
        assert reranker.score("turbine x", MANY) == RIGHT


@pytest.mark.parametrize("fault", [503, "drop", "reset", "cut", "timeout"])
def test_temporary_faults_end_in_the_right_scores(server, mode, fault, no_waiting):
    server.faults = [fault, fault]
    seen = []
    with reranker_for(
        server, timeout=0.5 if fault == "timeout" else 20, on_usage=seen.append
    ) as reranker:
        assert scores_of(reranker, mode, "turbine x", MANY) == RIGHT
        assert reranker._connection.limits.slots._free == 5
    assert (seen[0].requests, seen[0].retries) == (5, 2)


@pytest.mark.parametrize(("fault", "error"), EXHAUSTED, ids=fault_name)
def test_a_lasting_temporary_fault_is_raised_in_the_end(server, fault, error, no_waiting):
    server.faults = [fault] * 9
    with reranker_for(server, max_retries=2, timeout=patience(fault)) as reranker:
        with pytest.raises(error):
            reranker.score("turbine", DOCUMENTS)
        assert len(server.requests) == 3


def test_retries_end_with_the_deadline(server):
    server.faults = [500] * 50
    start = time.monotonic()
    with reranker_for(server, max_retries=50, deadline=0.8) as reranker, pytest.raises(APIError):
        reranker.score("turbine", DOCUMENTS)
    assert time.monotonic() - start < 1.2


def test_retry_after_holds_for_all_calls_of_the_reranker(server):
    server.faults = [Refusal(429, {"Retry-After": "0.4"})]
    with reranker_for(server) as reranker:
        start = time.monotonic()
        reranker.score("turbine", ["x"])
        assert time.monotonic() - start > 0.4
        reranker._connection.limits.rate.delay(0.2)
        start = time.monotonic()
        reranker.score("turbine", ["x"])
        assert time.monotonic() - start > 0.2


def test_spent_limits_of_an_answer_delay_the_next_call(server):
    spent = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "300ms"}
    server.faults = [Refusal(429, spent)]
    with reranker_for(server) as reranker:
        start = time.monotonic()
        assert reranker.score("x", ["x"]) == [1.0]
        assert time.monotonic() - start > 0.3


def test_a_redirect_within_the_service_is_followed(server, mode):
    server.faults = [Refusal(307, {"Location": "/v1/rerank"})]
    with reranker_for(server) as reranker:
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS)[0] == 1.0


@pytest.mark.parametrize("status", [200, 400])
def test_only_an_answer_that_asks_for_a_retry_delays_others(mode, status):
    asked = [("Retry-After", "50"), ("RateLimit-Remaining", "0"), ("RateLimit-Reset", "50")]
    body = b'{"results": [{"index": 0, "relevance_score": 0.5}]}'
    with canned_server(status, asked, body) as (url, seen):
        reranker = JinaReranker(api_key="k", base_url=url, deadline=5)
        for _ in range(2):
            with (
                contextlib.nullcontext() if status == 200 else pytest.raises(APIError, match="400")
            ):
                assert scores_of(reranker, mode, "x", ["x"]) == [0.5]
        reranker.close()
    assert len(seen) == 2


def test_a_date_far_away_is_the_rate_limit_error_itself(server, mode):
    server.faults = [Refusal(429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}), Refusal(429, {"Retry-After": "Wed, 21 Oct 99999999999 07:28:00 GMT"})]  # fmt: skip
    with reranker_for(server, max_retries=0) as reranker:
        for _ in range(2):
            with pytest.raises(RateLimitError):
                scores_of(reranker, mode, "x", ["x"])
        assert scores_of(reranker, mode, "x", ["x"]) == [1.0]


LOCATIONS = ["http://xn--/", "//xn--a-ecp.ru/x", "http://[::1", "http://a..b/", f"http://{'a' * 64}.com", "http://h:port/", "\x00", "http:///x"]  # fmt: skip


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_no_address_is_a_typed_error(server, mode, status, location):
    server.faults = [Refusal(status, {"Location": location})] * 4
    with reranker_for(server, max_retries=0) as reranker, pytest.raises(APIError):
        scores_of(reranker, mode, "turbine", DOCUMENTS)


def test_a_password_in_a_redirect_does_not_replace_the_key(server, mode):
    there = server.url.replace("//", "//user:other@") + "/v1/rerank"
    server.faults = [Refusal(307, {"Location": there})]
    with reranker_for(server) as reranker:
        assert scores_of(reranker, mode, "x", ["x"]) == [1.0]
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {server.api_key}"}


@pytest.mark.parametrize("follow", [False, True])
def test_neither_key_nor_documents_go_to_another_host(mode, follow):
    with LocalRerankServer() as other, LocalRerankServer() as server:
        server.faults = [Refusal(status, {"Location": f"{other.url}/v1/rerank"}) for status in (307, 308)]  # fmt: skip
        with httpx.Client(follow_redirects=follow) as client:
            reranker = reranker_for(server, client=client)
            for _ in range(2):
                with pytest.raises(APIError, match="base_url if you trust it"):
                    scores_of(reranker, mode, "turbine", DOCUMENTS)
    assert other.requests == []


def test_endless_redirects_end(server):
    server.faults = [Refusal(307, {"Location": "/v1/rerank"})] * 9
    with reranker_for(server) as reranker, pytest.raises(APIError, match="more than 3 times"):
        reranker.score("turbine", DOCUMENTS)


def test_pauses_double_up_to_eight_seconds():
    error = APIError("m", status_code=503)
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        assert longest / 2 <= pause_before_retry(error, attempt, None) <= longest


@pytest.mark.parametrize(
    "error", [APITimeoutError("m"), APIConnectionError("m"), RateLimitError("m")]
)
def test_a_requested_pause_is_honoured_unless_it_is_long(error):
    assert pause_before_retry(error, 0, 12.0) == 12.0
    assert pause_before_retry(error, 0, 61.0) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501])
def test_what_is_not_temporary_is_not_repeated(status):
    assert pause_before_retry(APIError("m", status_code=status), 0, 1.0) is None
