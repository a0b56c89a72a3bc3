"""Splits, pace and slots: pure parts, under any input."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from calling import figures

from mmrerank import Content
from mmrerank.fusion import sigmoid
from mmrerank.http.drive import Bounds, _slot, _slot_async
from mmrerank.http.encoding import take_within_bytes
from mmrerank.http.limits import Limits, RateLimiter, Slots, estimate_tokens, split_into_batches

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
            assert sum(estimate_tokens(one, 768) for item in batch for one in (query, item)) <= tokens


@given(st.lists(st.text(max_size=50), min_size=1, max_size=20), st.integers(1, 400))
def test_bytes_are_bounded(texts, limit):
    rest, pieces = list(texts), []
    while rest:
        taken = take_within_bytes(iter(rest), limit)
        assert taken
        assert len(taken) == 1 or sum(len(text.encode()) for text in taken) <= limit
        rest = rest[len(taken) :]
        pieces += taken
    assert pieces == texts


def test_no_more_is_encoded_than_is_sent_and_one():
    seen = []
    assert len(take_within_bytes((seen.append(i) or "x" * 10 for i in range(100)), 35)) == 2
    assert len(seen) == 3


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


def test_without_limits_there_is_no_waiting_save_what_a_service_asks():
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


def test_slots_serve_threads_and_loops_alike_and_never_more():
    slots, most, now, lock = Slots(3), 0, 0, threading.Lock()
    bounds = Bounds('m', slots, 3, time.monotonic() + 10)

    @contextmanager
    def counted():
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        try:
            yield
        finally:
            with lock:
                now -= 1

    def in_thread(_):
        with _slot(bounds), counted():
            time.sleep(0.002)

    async def in_task():
        async with _slot_async(bounds):
            with counted():
                await asyncio.sleep(0.002)

    async def many():
        tasks = [asyncio.create_task(in_task()) for _ in range(40)]
        for task in tasks[::5]:
            asyncio.get_running_loop().call_later(0.005, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

    with ThreadPoolExecutor(12) as pool:
        loops = [pool.submit(asyncio.run, many()) for _ in range(3)]
        list(pool.map(in_thread, range(60)))
        for loop in loops:
            loop.result()
    assert most == 3
    assert slots._free == 3


@given(st.floats(allow_nan=False))
def test_the_sigmoid_of_any_logit_is_a_probability(logit):
    assert 0 <= sigmoid(logit) <= 1
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1)
