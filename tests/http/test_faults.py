"""One table of faults, driven both ways: each ends in the right scores or the right typed error.

After each: no connection open, no slot taken, no task without its result.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import traceback
import warnings
from email.utils import formatdate

import httpx
import pytest
from helpers import png
from calling import results_of, scores_of, wait_until

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    Content,
    Image,
    InvalidResponseError,
    JinaReranker,
    RateLimitError,
    RerankWarning,
)
from mmrerank.http.responses import requested_pause
from mmrerank.testing import LocalRerankServer, Refusal

DOCUMENTS = ["turbine torque", Content("beside", [Image.from_bytes(png("f"))]), "else"]
MANY = [f"turbine {i}" if i % 3 else f"number {i}" for i in range(150)]
RIGHT = [0.5 if i % 3 else 0.0 for i in range(150)]


def patience(fault) -> float:
    """Seconds: short only where waiting is what is tested, since machines are busy at times."""
    return 0.5 if fault == "timeout" else 20


PASSING = [408, 429, 500, 502, 503, 504, "drop", "reset", "cut", "timeout", Refusal(429, {"Retry-After": "0.05"}), Refusal(503, {"Retry-After": "0.05"})]  # fmt: skip
FINAL = [
    (400, APIError),
    (401, AuthenticationError),
    (403, AuthenticationError),
    (404, APIError),
    (422, APIError),
    (Refusal(429, {"Retry-After": "3600"}), RateLimitError),
    (Refusal(307, {"Location": "http://127.0.0.2:9/elsewhere"}), APIError),
    (Refusal(302, {"Location": "/v1/rerank"}), APIError),
    ("truncated", InvalidResponseError),
    ("no_json", InvalidResponseError),
    ("deep", InvalidResponseError),
    ("form", InvalidResponseError),
    ("missing", InvalidResponseError),
    ("repeated", InvalidResponseError),
    ("foreign", InvalidResponseError),
    ("nan", InvalidResponseError),
    ("huge", InvalidResponseError),
]
EXHAUSTED = [(500, APIError), (429, RateLimitError), ("drop", APIConnectionError), ("reset", APIConnectionError), ("cut", APIConnectionError), ("timeout", APITimeoutError)]  # fmt: skip


def name(fault):
    return f"{fault.status}{''.join(fault.headers)}" if isinstance(fault, Refusal) else str(fault)


@pytest.fixture
def server():
    """A server that at its end has no connection open."""
    with LocalRerankServer() as made:
        yield made
        made.stopping.set()
        assert wait_until(lambda: made.connections == 0)


def reranker_for(server, **options):
    return JinaReranker(api_key=server.api_key, base_url=server.url, **options)


@pytest.mark.parametrize("fault", PASSING, ids=name)
def test_what_passes_ends_in_the_right_scores(server, mode, fault, no_waiting):
    server.faults = [fault, fault]
    seen = []
    with reranker_for(server, timeout=patience(fault), on_usage=seen.append) as reranker:
        assert scores_of(reranker, mode, "turbine x", MANY) == RIGHT
        assert reranker._connection.limits.slots._free == 5
    assert (seen[0].requests, seen[0].retries) == (5, 2)


@pytest.mark.parametrize(("fault", "error"), FINAL, ids=name)
def test_what_does_not_pass_is_raised_at_once(server, mode, fault, error, no_waiting):
    server.faults = [fault]
    with reranker_for(server) as reranker:
        with pytest.raises(error) as caught:
            scores_of(reranker, mode, "turbine", DOCUMENTS)
        assert type(caught.value) is error
        assert len(server.requests) == 1
        assert reranker._connection.limits.slots._free == 5
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS)[0] == 1.0


@pytest.mark.parametrize(("fault", "error"), EXHAUSTED, ids=name)
def test_what_does_not_pass_in_time_is_raised_at_last(server, mode, fault, error, no_waiting):
    server.faults = [fault] * 9
    with reranker_for(server, max_retries=2, timeout=patience(fault)) as reranker:
        with pytest.raises(error):
            scores_of(reranker, mode, "turbine", DOCUMENTS)
        assert len(server.requests) == 3


@pytest.mark.parametrize(("fault", "error"), [*FINAL[:3], *EXHAUSTED], ids=name)
def test_one_failing_batch_fails_the_call_and_leaves_nothing_behind(
    server, mode, fault, error, no_waiting
):
    server.faults = [None, fault, None]
    server.latency = 0.01
    with reranker_for(server, max_retries=0, timeout=patience(fault)) as reranker:
        with pytest.raises(error):
            scores_of(reranker, mode, "turbine", MANY)
        assert wait_until(lambda: reranker._connection.limits.slots._free == 5)


@pytest.mark.parametrize("fault", [400, 401, 429, "drop", "nan"], ids=name)
def test_keep_order_answers_all_the_same(server, mode, fault, no_waiting):
    server.faults = [fault] * 5
    with reranker_for(server, max_retries=1, on_error="keep_order") as reranker:
        with pytest.warns(RerankWarning, match="not reranked"):
            results = results_of(reranker, mode, "torque", DOCUMENTS, top_n=2, min_score=0.5)
        assert [result.index for result in results] == [0, 1]
        assert not any(result.is_scored for result in results)
        server.faults = []
        assert all(result.is_scored for result in reranker.rerank("torque", DOCUMENTS))


@pytest.mark.parametrize("fault", ["slow", "slow_head"])
@pytest.mark.parametrize("documents", [DOCUMENTS, MANY], ids=["one request", "several"])
def test_a_slow_answer_ends_with_the_deadline(server, mode, fault, documents):
    server.faults = [fault]
    with reranker_for(server, timeout=5, deadline=0.5) as reranker:
        start = time.monotonic()
        with pytest.raises(APITimeoutError, match=r"^jina-reranker-m0: "):
            scores_of(reranker, mode, "turbine", documents)
        assert 0.4 < time.monotonic() - start < 3
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


def test_retries_end_with_the_deadline(server, mode):
    server.faults = [500] * 50
    start = time.monotonic()
    with reranker_for(server, max_retries=50, deadline=0.8) as reranker, pytest.raises(APIError):
        scores_of(reranker, mode, "turbine", DOCUMENTS)
    assert time.monotonic() - start < 1.2


def test_waiting_for_a_slot_ends_with_the_deadline(server, mode):
    with reranker_for(server, max_concurrency=1, deadline=0.2) as reranker:
        taken = reranker._connection.limits.slots.request()
        with pytest.raises(APITimeoutError, match=r"^jina-reranker-m0: "):
            scores_of(reranker, mode, "turbine", DOCUMENTS)
        reranker._connection.limits.slots.withdraw(taken)
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS)[0] == 1.0


def test_retry_after_is_kept_by_all_calls_of_the_reranker(server, mode):
    server.faults = [Refusal(429, {"Retry-After": "0.4"})]
    with reranker_for(server) as reranker:
        start = time.monotonic()
        scores_of(reranker, mode, "turbine", ["x"])
        assert time.monotonic() - start > 0.4
        reranker._connection.limits.rate.delay(0.2)
        start = time.monotonic()
        scores_of(reranker, mode, "turbine", ["x"])
        assert time.monotonic() - start > 0.2


def test_a_redirect_within_the_service_is_followed(server, mode):
    server.faults = [Refusal(307, {"Location": "/v1/rerank"})]
    with reranker_for(server) as reranker:
        assert scores_of(reranker, mode, "turbine torque", DOCUMENTS)[0] == 1.0


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


def test_endless_redirects_end(server, mode):
    server.faults = [Refusal(307, {"Location": "/v1/rerank"})] * 9
    with reranker_for(server) as reranker, pytest.raises(APIError, match="more than 3 times"):
        scores_of(reranker, mode, "turbine", DOCUMENTS)


@pytest.mark.parametrize("fault", [400, 401, 429, 500, "drop", "timeout", "cut", "nan", "no_json"])
def test_no_key_and_no_image_in_errors_logs_and_traces(server, mode, fault, caplog):
    caplog.set_level(logging.DEBUG)
    server.faults = [fault]
    with reranker_for(server, max_retries=0, timeout=patience(fault)) as reranker:
        with pytest.raises(APIError) as caught:
            scores_of(reranker, mode, "turbine", DOCUMENTS)
        stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown = "".join(stack.format()) + caplog.text + repr(reranker) + repr(vars(reranker))
    assert f"Bearer {server.api_key}" not in shown
    assert f"'{server.api_key}'" not in shown.replace("api_key = 'test-key'", "")
    assert "base64," not in shown


def test_what_a_service_echoes_is_cleaned(server, mode):
    uri = "data:image/png;base64," + "iVBORw0KGgo" * 30
    server.faults = [
        Refusal(422, message=f"bad: {uri} from {server.api_key}, and long {'x ' * 999}")
    ]
    with reranker_for(server) as reranker, pytest.raises(APIError) as caught:
        scores_of(reranker, mode, "turbine", DOCUMENTS)
    assert "bad: ... from ***, and long" in str(caught.value)
    assert len(str(caught.value)) < 800


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "250ms"}, 0.25),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "60"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_what_an_answer_asks_to_wait(headers, seconds):
    assert requested_pause(headers) == seconds


def test_a_date_to_wait_until():
    asked = requested_pause({"retry-after": formatdate(time.time() + 30, usegmt=True)})
    assert 28 < asked <= 30


def test_spent_limits_of_an_answer_delay_the_next_call(server, mode):
    spent = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "300ms"}
    server.faults = [Refusal(429, spent)]
    with reranker_for(server) as reranker:
        start = time.monotonic()
        assert scores_of(reranker, mode, "x", ["x"]) == [1.0]
        assert time.monotonic() - start > 0.3


def test_no_exception_goes_unretrieved(server, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            server.faults = [400, 500, "drop"]
            with pytest.raises(APIError):
                asyncio.run(reranker_for(server, max_retries=0).ascore("x", MANY), debug=True)
        gc.collect()
    assert "never retrieved" not in caplog.text
