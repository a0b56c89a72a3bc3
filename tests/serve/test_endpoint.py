"""What a client is answered: right answers, and errors in the form that it knows."""

from __future__ import annotations

import json
import threading

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import Running

from mmrerank.errors import APITimeoutError, InvalidResponseError, RateLimitError
from mmrerank.serve.keys import Keys
from mmrerank.testing import FakeReranker

BOTH = pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
GOOD = {"query": "turbine torque", "documents": ["turbine torque", "pump", "turbine"]}


@pytest.fixture
def running(serve):
    return serve(FakeReranker(), max_documents=2048)


def message_of(answer: httpx.Response) -> str:
    """An error's message, which must have its dialect's form."""
    body = answer.json()
    if answer.url.path == "/v2/rerank":
        assert set(body) == {"id", "message"}
        return body["message"]
    detail = body["detail"]
    if answer.status_code in (401, 422):
        assert isinstance(detail, str)
        return detail
    assert set(detail) == {"message", "code", "request_id"}
    return detail["message"]


@BOTH
def test_best_first(running, path):
    answer = httpx.post(running.url + path, json=GOOD | {"top_n": 2})
    assert answer.status_code == 200
    assert [one["index"] for one in answer.json()["results"]] == [0, 2]


@BOTH
@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "body"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"text"', "object"),
        (b"\xff\xfe", "JSON"),
        (b'{"query": "\\ud800", "documents": ["a"]}', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"query": "a"}', "documents"),
        (b'{"documents": ["a"]}', "query"),
        (b'{"query": "a", "documents": []}', "documents"),
        (b'{"query": "a", "documents": "b"}', "documents"),
        (b'{"query": "a", "documents": [1]}', "documents.0"),
        (b'{"query": "a", "documents": [null]}', "documents.0"),
        (b'{"query": "a", "documents": [["b"]]}', "documents.0"),
        (b'{"query": "a", "documents": [{}]}', "documents.0"),
        (b'{"query": 1, "documents": ["b"]}', "query"),
        (b'{"query": " ", "documents": ["b"]}', "query"),
        (b'{"query": "a", "documents": ["b"], "top_n": 0}', "top_n"),
        (b'{"query": "a", "documents": ["b"], "top_n": "1"}', "top_n"),
        (b'{"query": "a", "documents": ["b"], "top_n": 1.5}', "top_n"),
        (b'{"query": "a", "documents": ["b"], "top_n": true}', "top_n"),
        (b'{"query": "a", "documents": ["b"], "top_n": 1e999}', "top_n"),
    ],
)
def test_what_cannot_be_read(running, path, body, names):
    answer = httpx.post(running.url + path, content=body)
    assert answer.status_code == (422 if path == "/v1/rerank" else 400)
    assert names.lower() in message_of(answer).lower()


@BOTH
@settings(max_examples=40, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["query", "documents", "text", "image", "top_n"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_answered(path, value, session_server):
    answer = session_server.post(path, content=json.dumps(value).encode())
    assert answer.status_code in (200, 400, 422)
    if answer.status_code != 200:
        assert message_of(answer)


@pytest.fixture(scope="module")
def session_server():
    running = Running(FakeReranker).ready()
    with httpx.Client(base_url=running.url) as client:
        yield client
    running.stop()


@BOTH
def test_ten_thousand_documents(serve, path):
    running = serve(FakeReranker())
    body = {"query": "a", "documents": ["a"] * 10_000}
    answer = httpx.post(running.url + path, json=body)
    assert "10000 documents; at most 2048" in message_of(answer)
    running = serve(FakeReranker(), max_documents=10_000)
    assert len(httpx.post(running.url + path, json=body).json()["results"]) == 10_000


@BOTH
def test_a_key_is_needed(serve, path):
    running = serve(FakeReranker(), keys=Keys(["one", "two"]))
    for headers in ({}, {"Authorization": "Bearer three"}, {"Authorization": "Bearer"}):
        answer = httpx.post(running.url + path, json=GOOD, headers=headers)
        assert answer.status_code == 401
        assert "key" in message_of(answer)
    for key in ("one", "two"):
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.post(running.url + path, json=GOOD, headers=headers).status_code == 200
    assert httpx.get(f"{running.url}/v1/models").status_code == 401
    assert httpx.get(f"{running.url}/metrics").status_code == 401
    assert httpx.get(f"{running.url}/v1/models", auth=("any", "two")).status_code == 200
    assert httpx.get(f"{running.url}/health").status_code == 200
    assert httpx.get(f"{running.url}/ready").status_code == 200


@BOTH
def test_a_full_queue(serve, gated, path):
    running = serve(gated, max_queue_tokens=60)
    waiting = threading.Thread(
        target=lambda: httpx.post(running.url + path, json=GOOD | {"query": "a " * 8}, timeout=30)
    )
    waiting.start()
    assert gated.entered.wait(10)
    answer = httpx.post(running.url + path, json=GOOD | {"query": "a " * 8})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "wait" in message_of(answer)
    too_large = httpx.post(running.url + path, json=GOOD | {"query": "a " * 80})
    assert too_large.status_code == 413
    assert "tokens" in message_of(too_large)
    gated.gate.set()
    waiting.join()


@BOTH
def test_while_loading(serve, path):
    loaded = threading.Event()

    def load() -> FakeReranker:
        assert loaded.wait(20)
        return FakeReranker()

    running = serve(load, wait=False)
    assert httpx.get(f"{running.url}/health").status_code == 200
    assert httpx.get(f"{running.url}/ready").status_code == 503
    answer = httpx.post(running.url + path, json=GOOD)
    assert answer.status_code == 503
    assert message_of(answer) == "the server is loading"
    assert answer.headers["retry-after"]
    loaded.set()
    running.ready()
    assert httpx.get(f"{running.url}/ready").status_code == 200
    assert httpx.post(running.url + path, json=GOOD).status_code == 200


class Failing(FakeReranker):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def _score(self, query, documents):
        raise self.error


@BOTH
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("a b is secret"), 500),
        (InvalidResponseError("a b is secret"), 502),
        (APITimeoutError("a b is secret"), 504),
        (RateLimitError("a b is secret", retry_after=7.0), 429),
    ],
)
def test_what_the_model_raises(serve, caplog, path, error, status):
    answer = httpx.post(serve(Failing(error)).url + path, json=GOOD)
    assert answer.status_code == status
    assert "secret" not in message_of(answer)
    assert "secret" not in caplog.text
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


def test_other_paths_and_methods(running):
    assert httpx.get(f"{running.url}/v1/other").status_code == 404
    assert httpx.get(f"{running.url}/v1/rerank").status_code == 405
    assert httpx.get(f"{running.url}/v1/models").json()["data"][0]["id"] == "tested"


def test_documents_are_sent_back_as_jina_does(running):
    def documents(**more) -> list:
        answer = httpx.post(f"{running.url}/v1/rerank", json=GOOD | more)
        return [one.get("document") for one in answer.json()["results"]]

    assert documents() == [{"text": "turbine torque"}, {"text": "turbine"}, {"text": "pump"}]
    assert documents(return_documents=False) == [None] * 3


def test_the_openapi_page_needs_no_other_host(running):
    page = httpx.get(f"{running.url}/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    schema = httpx.get(f"{running.url}/openapi.json").json()
    assert {"/v1/rerank", "/v2/rerank", "/v1/models", "/ready"} <= set(schema["paths"])


def test_metrics_count(running):
    for _ in range(2):
        httpx.post(f"{running.url}/v1/rerank", json=GOOD)
    httpx.post(f"{running.url}/v1/rerank", content=b"{")
    lines = httpx.get(f"{running.url}/metrics").text.splitlines()
    assert 'mmrerank_requests_total{path="/v1/rerank",status="200"} 2.0' in lines
    assert 'mmrerank_requests_total{path="/v1/rerank",status="422"} 1.0' in lines
    assert "mmrerank_documents_total 6.0" in lines
    assert "mmrerank_queue_requests 0.0" in lines
    assert "mmrerank_batches_total 2.0" in lines
