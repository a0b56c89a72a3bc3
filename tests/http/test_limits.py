"""Batches, the rate limiter and slots: pure parts under any input, and limits over all calls."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import (
    figures,
    reranker_for,
    scores_of,
    with_limits,
)
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import (
    APITimeoutError,
    Content,
)
from mmrerank.http.limits import (
    Limits,
    RateLimiter,
    Slots,
    estimate_tokens,
    limits_per_worker,
    split_into_batches,
)
from mmrerank.testing import LocalRerankServer

FIGURES = figures(3)


contents = st.builds(
    lambda text, count: Content(text, FIGURES[:count]), st.text(max_size=60), st.integers(0, 3)
)


@given(
    st.lists(contents, max_size=30),
    contents,
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 4000) | st.none(),
)
def test_batches_hold_all_in_order_and_no_more_than_the_limits(
    items, query, documents, images, tokens
):
    limits = Limits(documents=documents, images=images, tokens=tokens)
    batches = split_into_batches(items, query, limits, 768)
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert 1 <= len(batch) <= documents
        if len(batch) == 1:
            continue  # one document goes alone, whatever it holds
        assert sum(len(item.images) for item in batch) <= images
        if tokens is not None:
            assert (
                sum(estimate_tokens(one, 768) for item in batch for one in (query, item)) <= tokens
            )


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 500)), max_size=60),
    st.integers(1, 10),
    st.integers(500, 1000),
)
def test_no_window_of_a_minute_holds_more_than_allowed(asks, requests, tokens):
    now = 0.0
    rate = RateLimiter(requests, tokens, clock=lambda: now)
    sent = []
    for pause, cost in asks:
        now += pause
        sent.append((round(now + rate.reserve(cost), 6), cost))  # floats differ in the last bit
    assert [start for start, _ in sent] == sorted(start for start, _ in sent)
    for start, _ in sent:
        window = [cost for when, cost in sent if start <= when < start + 59.999]
        assert len(window) <= requests
        assert sum(window) <= tokens


def test_without_limits_only_a_service_can_ask_to_wait():
    now = 0.0
    rate = RateLimiter(clock=lambda: now)
    assert [rate.reserve(10**9) for _ in range(1000)] == [0.0] * 1000
    rate.delay(5)
    assert rate.reserve(1) == 5
    assert rate.reserve(1) == 5
    now = 6.0
    assert rate.reserve(1) == 0


def test_a_request_over_the_limit_goes_alone():
    now = 0.0
    rate = RateLimiter(tokens=100, clock=lambda: now)
    assert rate.reserve(50) == 0
    assert rate.reserve(1000) == 60
    assert rate.reserve(1) == 120


def test_tokens_are_estimated_on_the_high_side():
    assert estimate_tokens(Content("one two three"), 768) == 5
    assert estimate_tokens(Content(None, FIGURES[:2]), 768) == 1 + 2 * 768


def test_workers_share_the_images():
    items = [Content(None, FIGURES[:1])] * 40
    assert limits_per_worker(items, Limits(images=20), 5).images == 8
    assert limits_per_worker(items[:5], Limits(images=20), 5).images == 4
    assert limits_per_worker(items, Limits(images=2), 5).images == 2


def test_slots_are_granted_in_order():
    slots = Slots(1)
    first, second, third = slots.request(), slots.request(), slots.request()
    assert (first.done(), second.done(), third.done()) == (True, False, False)
    slots.withdraw(second)
    slots.release()
    assert third.done()
    slots.release()
    assert slots.request().done()


def test_calls_at_once_are_limited_over_all_callers(mode):
    with LocalRerankServer(latency=0.02) as server, reranker_for(server) as reranker:
        with_limits(reranker, documents=2)
        items = [f"turbine {i}" for i in range(10)]
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda _: scores_of(reranker, mode, "turbine", items), range(6)))
        assert found == [[1.0] * 10] * 6
        assert server.most_at_once == 5


def test_requests_a_minute_are_limited_over_all_calls(monkeypatch):
    monkeypatch.setattr("mmrerank.http.limits._WINDOW", 0.2)
    with LocalRerankServer() as server, reranker_for(server, requests_per_minute=2) as reranker:
        start = time.monotonic()
        for _ in range(5):
            reranker.score("x", ["x"])
        assert 0.4 <= time.monotonic() - start < 1.2


def test_tokens_a_minute_beyond_the_deadline_are_an_error():
    with LocalRerankServer() as server:
        reranker = reranker_for(server, tokens_per_minute=100, deadline=5)
        reranker.score("x", ["x " * 120])
        with pytest.raises(APITimeoutError, match="rate limit"):
            reranker.score("x", ["x " * 120])
        reranker.close()
