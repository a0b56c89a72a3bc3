"""The two drivers: deadlines, slots, cancelling, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from calling import (
    DOCUMENTS,
    MANY,
    RIGHT,
    reranker_for,
    scores_of,
    wait_until,
)

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    JinaReranker,
)
from mmrerank.http.bounds import Bounds
from mmrerank.http.drive import _slot, _slot_async, drive
from mmrerank.http.limits import (
    Slots,
)
from mmrerank.http.wire import Pause
from mmrerank.testing import LocalRerankServer


@pytest.mark.parametrize("fault", ["slow", "slow_head"])
@pytest.mark.parametrize(
    "documents",
    [DOCUMENTS, pytest.param(MANY, marks=pytest.mark.slow)],
    ids=["one request", "several"],
)
def test_a_slow_answer_ends_with_the_deadline(server, mode, fault, documents):
    server.faults = [fault]
    with reranker_for(server, timeout=5, deadline=0.3) as reranker:
        start = time.monotonic()
        with pytest.raises(APITimeoutError, match=r"^jina-reranker-m0: "):
            scores_of(reranker, mode, "turbine", documents)
        assert 0.25 < time.monotonic() - start < 3
        assert wait_until(lambda: reranker._connection.limits.slots._free == 5)
        assert wait_until(lambda: server.connections == 0 or mode == "sync")
        reranker.deadline = 20
        assert scores_of(reranker, mode, "turbine x", MANY) == RIGHT


def test_an_error_does_not_wait_for_what_is_running(server):
    server.faults = [400]
    server.score_item = lambda query, item: time.sleep(0.02) or 0.0
    with reranker_for(server, max_retries=0) as reranker:
        start = time.monotonic()
        with pytest.raises(APIError, match="400"):
            reranker.score("turbine", MANY)
        assert time.monotonic() - start < 0.5  # another batch of 30 takes 0.6 s
        assert wait_until(lambda: reranker._connection.limits.slots._free == 5)


def test_waiting_for_a_slot_ends_with_the_deadline(server, mode):
    with reranker_for(server, max_concurrency=1, deadline=0.2) as reranker:
        taken = reranker._connection.limits.slots.request()
        with pytest.raises(APITimeoutError, match=r"^jina-reranker-m0: "):
            scores_of(reranker, mode, "turbine", DOCUMENTS)
        reranker._connection.limits.slots.withdraw(taken)
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS)[0] == 1.0


def test_cancelling_an_async_call_cancels_its_requests(server):
    server.faults = ["timeout"] * 9

    async def run(reranker):
        task = asyncio.create_task(reranker.ascore("x", MANY))
        await asyncio.to_thread(wait_until, lambda: len(server.requests) == 3)
        task.cancel()
        start = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < 0.5
        left = [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]
        assert left == []

    seen = []
    reranker = reranker_for(server, on_usage=seen.append)
    asyncio.run(run(reranker), debug=True)
    assert reranker._connection.limits.slots._free == 5
    assert seen[0].requests == 3
    server.stopping.set()


def test_cancelling_while_waiting_for_a_slot_leaves_it_to_others(server):
    async def run(reranker):
        taken = reranker._connection.limits.slots.request()
        task = asyncio.create_task(reranker.ascore("x", ["x"]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        reranker._connection.limits.slots.withdraw(taken)
        return await reranker.ascore("x", ["x"])

    assert asyncio.run(run(reranker_for(server, max_concurrency=1))) == [1.0]


def test_no_exception_goes_unretrieved(server, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            server.faults = [400, 500, "drop"]
            with pytest.raises(APIError):
                asyncio.run(reranker_for(server, max_retries=0).ascore("x", MANY), debug=True)
        gc.collect()
    assert "never retrieved" not in caplog.text


def test_nobody_listens(mode):
    with LocalRerankServer() as server:
        url = server.url
    reranker = JinaReranker(api_key="k", base_url=url, max_retries=0)
    with pytest.raises(
        APIConnectionError, match=rf"^jina-reranker-m0: the service at {url} could not"
    ):
        scores_of(reranker, mode, "turbine", DOCUMENTS)
    reranker.close()


def test_slots_serve_threads_and_loops_alike_and_never_more():
    slots, most, now, lock = Slots(3), 0, 0, threading.Lock()
    bounds = Bounds("m", slots, 3, time.monotonic() + 10)

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


def bounds_until(seconds):
    return Bounds("some-model", Slots(1), 1, time.monotonic() + seconds)


def test_batches_run_to_their_scores_in_order():
    def batch(number):
        yield Pause(0.02 * (3 - number))
        return [float(number)]

    with httpx.Client() as client:
        found = drive([batch(i) for i in range(3)], client, bounds_until(5), lambda: None)
    assert found == [[0.0], [1.0], [2.0]]
