"""The flow over a real server: splits, bytes, pace, connections, threads, loops, forks."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import os
import pickle
import random
import ssl
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import trustme
from helpers import png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from calling import figures, results_of, scores_of, wait_until

from mmrerank import APIConnectionError, Content, Image, JinaReranker, RerankWarning, TEIReranker
from mmrerank.http.limits import Limits
from mmrerank.testing import LocalRerankServer

FIGURES = figures(6)
texts = st.text(st.characters(codec=None), max_size=30)  # lone surrogates too
documents = st.builds(
    lambda text, picked: Content(text, [FIGURES[i] for i in picked]),
    texts,
    st.lists(st.integers(0, 5), max_size=3),
)


def reranker_for(server, kind=JinaReranker, **options):
    return kind(api_key=server.api_key, base_url=server.url, **options)


def with_limits(reranker, **limits):
    reranker.limits = Limits(**limits)
    return reranker


@pytest.fixture(scope="module")
def shared_server():
    with LocalRerankServer() as server:
        yield server


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(documents, max_size=25), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3000))
def test_scores_are_the_same_however_a_call_is_split(
    shared_server, mode, items, most, images, size
):
    with reranker_for(shared_server) as whole, reranker_for(shared_server) as split:
        with_limits(split, documents=most, images=images, bytes=size)
        expected = whole.score("0 a b", items)
        assert scores_of(split, mode, "0 a b", items) == expected
        assert len(expected) == len(items)


def test_a_request_holds_no_more_bytes_than_allowed(mode):
    large = [Content(images=[image]) for image in figures(12, size=(400, 300))]
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        seen = []
        reranker.on_usage = seen.append
        with_limits(reranker, images=12, bytes=6000)
        scores = scores_of(reranker, mode, "x", large)
        assert len(set(scores)) == 12
        assert len(server.requests) > 2
        assert seen[0].requests == len(server.requests)
        for body, headers in zip(server.requests, server.headers, strict=True):
            assert len(body["documents"]) == 1 or int(headers["content-length"]) < 6500


def test_what_was_encoded_for_a_batch_is_not_kept(mode, no_waiting):
    """The memory of a call is that of the requests under way, however many images it has."""
    noise = random.Random(0)
    pictures = [
        Content(
            images=[
                Image.from_bytes(
                    _jpeg(Pillow.frombytes("RGB", (300, 200), noise.randbytes(180_000)))
                )
            ]
        )
        for _ in range(80)
    ]
    peaks = []
    with LocalRerankServer(lambda query, item: 0.5, faults=[None, "drop", 500, "cut"]) as server:
        server.requests = _Forgetful()
        with with_limits(reranker_for(server, max_concurrency=2), images=4) as reranker:
            scores_of(reranker, mode, "x", pictures)  # once before, for what loads on first use
            gc.disable()  # what only the garbage collector finds counts as kept
            try:
                for count in (20, 80):
                    tracemalloc.start()
                    scores_of(reranker, mode, "x", pictures[:count])
                    peaks.append(tracemalloc.get_traced_memory()[1])
                    tracemalloc.stop()
            finally:
                gc.enable()
    few, many = peaks
    assert many < few + 60 * len(pictures[0].images[0].data) // 4


class _Forgetful(list):
    def append(self, item):
        """Keep nothing."""


def _jpeg(picture):
    import io

    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_equal_files_are_sent_once(tmp_path, mode):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png("same"))
    same = [Content(images=[Image.from_path(tmp_path / name)]) for name in ("a.png", "b.png")]
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        first, second = scores_of(reranker, mode, "x", same)
        assert first == second
        assert len(server.requests[0]["documents"]) == 1


def test_a_query_of_several_parts_asks_once_for_each(mode):
    query = Content("turbine", FIGURES[:2])
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        scores = scores_of(reranker, mode, query, ["turbine", "x"])
        assert len(server.requests) == 3
        assert scores[0] == pytest.approx(1 / 3)


def test_a_listwise_model_says_when_it_must_be_split(mode):
    with LocalRerankServer() as server:
        reranker = with_limits(reranker_for(server, model="jina-reranker-v3"), documents=5)
        with pytest.warns(RerankWarning, match="do not compare well"):
            assert len(scores_of(reranker, mode, "x", [f"d{i}" for i in range(12)])) == 12
        assert len(server.requests) == 3
        reranker.close()


def test_calls_at_once_are_limited_over_all_callers(mode):
    with LocalRerankServer(latency=0.02) as server, reranker_for(server) as reranker:
        with_limits(reranker, documents=2)
        items = [f"turbine {i}" for i in range(10)]
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda _: scores_of(reranker, mode, "turbine", items), range(6)))
        assert found == [[1.0] * 10] * 6
        assert server.most_at_once == 5


def test_requests_a_minute_are_limited_over_all_calls(mode, monkeypatch):
    monkeypatch.setattr("mmrerank.http.limits._WINDOW", 0.4)
    with LocalRerankServer() as server, reranker_for(server, requests_per_minute=2) as reranker:
        start = time.monotonic()
        for _ in range(5):
            scores_of(reranker, mode, "x", ["x"])
        assert 0.8 <= time.monotonic() - start < 1.4


def test_tokens_a_minute_beyond_the_deadline_are_an_error(mode):
    from mmrerank import APITimeoutError

    with LocalRerankServer() as server:
        reranker = reranker_for(server, tokens_per_minute=100, deadline=5)
        scores_of(reranker, mode, "x", ["x " * 120])
        with pytest.raises(APITimeoutError, match="rate limit"):
            scores_of(reranker, mode, "x", ["x " * 120])
        reranker.close()


def test_usage_counts_what_was_sent(mode):
    seen = []
    with LocalRerankServer(faults=[503]) as server:
        with reranker_for(server, on_usage=seen.append) as reranker:
            scores_of(reranker, mode, "x", ["a", "a", "", Content("b", FIGURES[:1])])
        (usage,) = seen
        assert (usage.documents, usage.parts, usage.images) == (4, 3, 1)
        assert (usage.requests, usage.retries, usage.total_tokens) == (2, 1, 30)
        assert usage.bytes_sent == sum(int(h["content-length"]) for h in server.headers)


def test_one_structured_line_a_call(mode, caplog):
    caplog.set_level(logging.DEBUG, logger="mmrerank.http")
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        scores_of(reranker, mode, "secret question", [Content("secret", FIGURES[:1])])
    (record,) = [record for record in caplog.records if record.name == "mmrerank.http"]
    assert "model=jina-reranker-m0 documents=1 parts=2 images=1 requests=1" in record.message
    assert record.mmrerank["outcome"] == "ok"
    assert record.mmrerank["seconds"] < 5
    assert "secret" not in record.message


def test_results_are_in_order_whichever_batch_answers_first(mode):
    def slow(query, item):
        time.sleep(0.0 if int(item.text.split()[1]) > 10 else 0.03)
        return 1 / (1 + int(item.text.split()[1]))

    with LocalRerankServer(slow) as server, reranker_for(server) as reranker:
        with_limits(reranker, documents=4)
        results = results_of(reranker, mode, "x", [f"d {i}" for i in range(20)])
        assert [result.index for result in results] == list(range(20))


# -- connections


def test_connections_are_reused_by_threads_and_closed_at_the_end():
    with LocalRerankServer() as server:
        with reranker_for(server) as reranker:
            for _ in range(10):
                reranker.score("x", ["x"])
            assert server.connections == 1
        assert wait_until(lambda: server.connections == 0)


def test_within_async_with_calls_share_connections():
    async def calls(reranker, server):
        async with reranker:
            for _ in range(10):
                await reranker.ascore("x", ["x"])
            shared = server.connections
        for _ in range(2):
            await reranker.ascore("x", ["x"])
        return shared

    with LocalRerankServer() as server:
        assert asyncio.run(calls(reranker_for(server), server)) == 1
        assert wait_until(lambda: server.connections == 0)


def test_a_synchronous_call_within_a_running_loop():
    async def cell(reranker):
        return reranker.score("x", ["x", "y"]), await reranker.ascore("x", ["x", "y"])

    with LocalRerankServer() as server, reranker_for(server) as reranker:
        assert asyncio.run(cell(reranker)) == ([1.0, 0.0], [1.0, 0.0])


def test_an_async_client_of_ones_own_is_used_and_not_closed():
    seen = []

    async def look(request):
        seen.append(request.url.path)

    async def run(server):
        async with httpx.AsyncClient(event_hooks={"request": [look]}) as client:
            async with reranker_for(server, async_client=client) as reranker:
                await reranker.ascore("x", ["y"])
            assert not client.is_closed

    with LocalRerankServer() as server:
        asyncio.run(run(server))
    assert seen == ["/v1/rerank"]


def test_many_threads_and_loops_at_once():
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        found = []
        jobs = [
            threading.Thread(
                target=lambda way=way: found.append(scores_of(reranker, way, "x", ["x", "y"]))
            )
            for way in ("sync", "async") * 6
        ]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        assert found == [[1.0, 0.0]] * 12


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_connections_and_slots_of_its_own():
    with LocalRerankServer() as server, reranker_for(server, max_concurrency=1) as reranker:
        reranker.score("x", ["x"])
        taken = reranker._connection.limits.slots.request()  # as if another thread were calling
        child = os.fork()
        if child == 0:
            try:
                right = scores_of(reranker, "sync", "x", ["x"]) == [1.0]
                right = right and scores_of(reranker, "async", "x", ["x"]) == [1.0]
                reranker.close()
            finally:
                os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        reranker._connection.limits.slots.withdraw(taken)
        assert reranker.score("x", ["x"]) == [1.0]  # over the connection that is still ours


def test_a_copy_keeps_the_key_and_a_pickle_does_not(monkeypatch):
    with LocalRerankServer(dialect="tei") as server:
        reranker = reranker_for(server, TEIReranker, headers={"X-Team": "t"})
        with copy.deepcopy(reranker) as copied:
            assert copied.score("x", ["x"]) == [1.0]
            assert server.headers[-1]["x-team"] == "t"
            assert copied._connection.limits is not reranker._connection.limits
        data = pickle.dumps(reranker)
        assert server.api_key.encode() not in data
        assert pickle.loads(data)._connection.key is None
        monkeypatch.setenv("TEI_API_KEY", server.api_key)
        with pickle.loads(data) as again:
            assert again.score("x", ["x"]) == [1.0]
        assert "x-team" not in server.headers[-1]  # a header may be a credential


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, path


def test_a_certificate_authority_of_ones_own(authority, mode):
    made, path = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    with LocalRerankServer(ssl_context=context) as server:
        with reranker_for(server, verify=path) as reranker:
            assert scores_of(reranker, mode, "x", ["x"]) == [1.0]
        with (
            reranker_for(server, max_retries=0) as reranker,
            pytest.raises(APIConnectionError, match="certificate"),
        ):
            scores_of(reranker, mode, "x", ["x"])


def test_the_environments_certificates_hold(authority, monkeypatch):
    made, path = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with LocalRerankServer(ssl_context=context) as server, reranker_for(server) as reranker:
        assert reranker.score("x", ["x"]) == [1.0]


def test_a_client_of_ones_own_is_used_and_not_closed():
    seen = []
    with (
        LocalRerankServer() as server,
        httpx.Client(
            event_hooks={"request": [lambda request: seen.append(request.url.path)]}
        ) as client,
    ):
        reranker = reranker_for(server, client=client)
        reranker.score("x", ["y"])
        reranker.close()
        assert not client.is_closed
    assert seen == ["/v1/rerank"]
