"""The flow that all services share, over a real server: batches, bytes, memory, fusion, order."""

from __future__ import annotations

import gc
import io
import logging
import random
import time
import traceback
import tracemalloc

import pytest
from calling import (
    DOCUMENTS,
    FIGURE,
    MANY,
    fault_name,
    figures,
    make,
    patience,
    reranker_for,
    results_of,
    scores_of,
    wait_until,
    with_limits,
)
from helpers import png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    Content,
    Image,
    ImageError,
    RateLimitError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.fusion import sigmoid
from mmrerank.testing import LocalRerankServer

FIGURES = figures(6)


texts = st.text(st.characters(codec=None), max_size=30)  # lone surrogates too
documents = st.builds(
    lambda text, picked: Content(text, [FIGURES[i] for i in picked]),
    texts,
    st.lists(st.integers(0, 5), max_size=3),
)


@pytest.fixture(scope="module")
def shared_server():
    with LocalRerankServer() as server:
        yield server


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(documents, max_size=25), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3000))
def test_scores_are_the_same_however_a_call_is_split(shared_server, items, most, images, size):
    with reranker_for(shared_server) as whole, reranker_for(shared_server) as split:
        with_limits(split, documents=most, images=images, bytes=size)
        expected = whole.score("0 a b", items)
        assert split.score("0 a b", items) == expected
        assert len(expected) == len(items)


def test_a_request_holds_no_more_bytes_than_allowed():
    large = [Content(images=[image]) for image in figures(12, size=(400, 300))]
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        seen = []
        reranker.on_usage = seen.append
        with_limits(reranker, images=12, bytes=6000)
        scores = reranker.score("x", large)
        assert len(set(scores)) == 12
        assert len(server.requests) > 2
        assert seen[0].requests == len(server.requests)
        for body, headers in zip(server.requests, server.headers, strict=True):
            assert len(body["documents"]) == 1 or int(headers["content-length"]) < 6500


def test_encoded_images_of_a_batch_are_freed(mode, no_waiting):
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
        server.requests = Forgetful()
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


class Forgetful(list):
    def append(self, item):
        """Keep nothing."""


def _jpeg(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_equal_files_are_sent_once(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png("same"))
    same = [Content(images=[Image.from_path(tmp_path / name)]) for name in ("a.png", "b.png")]
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        first, second = reranker.score("x", same)
        assert first == second
        assert len(server.requests[0]["documents"]) == 1


def test_a_query_of_several_parts_asks_once_for_each():
    query = Content("turbine", FIGURES[:2])
    with LocalRerankServer() as server, reranker_for(server) as reranker:
        scores = reranker.score(query, ["turbine", "x"])
        assert len(server.requests) == 3
        assert scores[0] == pytest.approx(1 / 3)


def test_a_listwise_model_says_when_it_must_be_split():
    with LocalRerankServer() as server:
        reranker = with_limits(reranker_for(server, model="jina-reranker-v3"), documents=5)
        with pytest.warns(RerankWarning, match="do not compare well"):
            assert len(reranker.score("x", [f"d{i}" for i in range(12)])) == 12
        assert len(server.requests) == 3
        reranker.close()


def test_results_are_in_order_whichever_batch_answers_first(mode):
    def slow(query, item):
        time.sleep(0.0 if int(item.text.split()[1]) > 10 else 0.03)
        return 1 / (1 + int(item.text.split()[1]))

    with LocalRerankServer(slow) as server, reranker_for(server) as reranker:
        with_limits(reranker, documents=4)
        results = results_of(reranker, mode, "x", [f"d {i}" for i in range(20)])
        assert [result.index for result in results] == list(range(20))


@pytest.mark.parametrize("fault", [400, 401, 429, "drop", "nan"], ids=fault_name)
def test_keep_order_answers_all_the_same(server, mode, fault, no_waiting):
    server.faults = [fault] * 5
    with reranker_for(server, max_retries=1, on_error="keep_order") as reranker:
        with pytest.warns(RerankWarning, match="not reranked"):
            results = results_of(reranker, mode, "torque", DOCUMENTS, top_n=2, min_score=0.5)
        assert [result.index for result in results] == [0, 1]
        assert not any(result.is_scored for result in results)
        server.faults = []
        assert all(result.is_scored for result in reranker.rerank("torque", DOCUMENTS))


@pytest.mark.parametrize("size", [None, (1, 70_000)])  # gone; refused by the encoder
def test_keep_order_survives_an_image_that_cannot_be_sent(server, mode, size, tmp_path):
    path = tmp_path / "figure.png"
    if size:
        Pillow.new("RGBA", size).save(path)
    documents = ["x", Content("a chunk", [Image.from_path(path)])]
    with reranker_for(server) as reranker, pytest.raises(ImageError, match=r"figure\.png"):
        results_of(reranker, mode, "q", documents)
    with (
        reranker_for(server, on_error="keep_order") as reranker,
        pytest.warns(RerankWarning, match="not reranked"),
    ):
        results = results_of(reranker, mode, "q", documents)
    assert [(result.index, result.is_scored) for result in results] == [(0, False), (1, False)]


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


FAILURES = [
    (400, APIError),
    (401, AuthenticationError),
    (429, RateLimitError),
    ("drop", APIConnectionError),
    ("reset", APIConnectionError),
    ("cut", APIConnectionError),
    ("timeout", APITimeoutError),
]


@pytest.mark.parametrize(("fault", "error"), FAILURES, ids=fault_name)
def test_one_failing_batch_fails_the_call_and_leaves_nothing_behind(
    server, mode, fault, error, no_waiting
):
    server.faults = [None, fault, None]
    server.latency = 0.01
    with reranker_for(server, max_retries=0, timeout=patience(fault)) as reranker:
        with pytest.raises(error):
            scores_of(reranker, mode, "turbine", MANY)
        assert wait_until(lambda: reranker._connection.limits.slots._free == 5)


def test_an_image_query_of_a_text_service_is_refused():
    with (
        LocalRerankServer(dialect="tei") as server,
        make("tei", server) as reranker,
        pytest.raises(UnsupportedModalityError),
    ):
        reranker.score(Content(images=[FIGURE]), ["x"])
    assert server.requests == []


def test_a_text_service_is_never_sent_an_image():
    with LocalRerankServer(dialect="cohere") as server, make("cohere", server) as reranker:
        with pytest.warns(RerankWarning, match="text-only"):
            reranker.score("turbine", [Content("a chunk", [FIGURE])])
        assert server.requests[0]["documents"] == ["a chunk"]


@given(st.floats(allow_nan=False))
def test_the_sigmoid_of_any_logit_is_a_probability(logit):
    assert 0 <= sigmoid(logit) <= 1
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1)


def test_warnings_point_at_the_callers_line(server):
    server.faults = [400]
    with reranker_for(server, on_error="keep_order") as reranker:
        with pytest.warns(RerankWarning) as caught:
            reranker.score("q", ["x"])
        assert caught[0].filename == __file__
