"""The public test server: its answers, its faults, and what it records."""

from __future__ import annotations

import http.client
import json
import time

import httpx
import pytest

from mmrerank import APIError, Content, InvalidResponseError, JinaReranker
from mmrerank.testing import Dialect, LocalRerankServer, Refusal
from mmrerank.testing.dialects import DIALECTS

BODY = {"model": "m", "query": "turbine torque", "documents": [{"text": "turbine"}, {"text": "x"}]}


@pytest.fixture
def server():
    with LocalRerankServer() as made:
        yield made


def post(server, body=BODY, path="/v1/rerank", key=LocalRerankServer.api_key):
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(server.url + path, json=body, headers=headers, timeout=5)


def test_it_scores_by_shared_words_and_records_the_request(server):
    answer = post(server)
    rows = [(row["index"], row["relevance_score"]) for row in answer.json()["results"]]
    assert rows == [(0, 0.5), (1, 0.0)]
    assert server.requests == [BODY]
    assert server.headers[0]["authorization"] == "Bearer test-key"
    assert server.most_at_once == 1


def test_scores_may_be_ones_own():
    with LocalRerankServer(lambda query, item: len(item.text) / 10) as server:
        assert post(server).json()["results"][0]["relevance_score"] == 0.7


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"path": "/nowhere"}, 404),
        ({"key": "wrong"}, 401),
        ({"body": "no object"}, 422),
        ({"body": {**BODY, "documents": []}}, 422),
        ({"body": {**BODY, "top_n": "3"}}, 422),
        ({"body": {"query": "q"}}, 422),
        ({"body": {**BODY, "documents": [{"text": " "}]}}, 422),
        ({"body": {**BODY, "documents": [{"text": "x", "image": "data:"}]}}, 422),
    ],
)
def test_a_request_that_the_service_would_refuse_is_refused(server, change, status):
    assert post(server, **change).status_code == status


def test_a_field_that_the_service_ignores_is_ignored_and_listed(server):
    assert post(server, {**BODY, "colour": "red"}).status_code == 200
    assert server.ignored == ["colour"]
    assert server.requests[0]["colour"] == "red"


def test_a_body_that_is_not_json_is_refused(server):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    answer = httpx.post(server.url + "/v1/rerank", content=b"{", headers=headers)
    assert answer.status_code == 422


def test_a_server_of_ones_own_may_need_no_key():
    with LocalRerankServer(needs_key=False) as server:
        assert httpx.post(server.url + "/v1/rerank", json=BODY).status_code == 200


def test_the_names_of_headers_may_be_in_any_case(server):
    for name in ("authorization", "AUTHORIZATION"):
        headers = {name: f"Bearer {server.api_key}"}
        assert httpx.post(server.url + "/v1/rerank", json=BODY, headers=headers).status_code == 200
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        connection.request("GET", "/v1/models", headers=headers)
        assert connection.getresponse().status == 200
        connection.close()


def test_it_lists_its_models_to_those_who_have_the_key():
    with LocalRerankServer(models=["a", "b"]) as server:
        url = server.url + "/v1/models"
        assert httpx.get(url).status_code == 401
        listed = httpx.get(url, headers={"Authorization": f"Bearer {server.api_key}"}).json()
        assert [model["id"] for model in listed["data"]] == ["a", "b"]
        assert server.lookups == ["/v1/models", "/v1/models"]
        assert (server.requests, server.headers) == ([], [])


def test_it_says_of_itself_what_the_service_says():
    with LocalRerankServer(dialect="vllm") as server:
        assert httpx.get(server.url + "/version").json() == {"version": "0.33.0"}
        assert httpx.get(server.url + "/nowhere").status_code == 404
    with LocalRerankServer(dialect="vllm", facts={"/version": {"version": "0.14.1"}}) as server:
        assert httpx.get(server.url + "/version").json() == {"version": "0.14.1"}


def test_a_lookup_takes_no_fault(server):
    server.faults = [503]
    httpx.get(server.url + "/v1/models")
    assert post(server).status_code == 503


def test_faults_in_the_rows_show_in_spite_of_top_n(server):
    server.faults = ["missing", "repeated", "foreign"]
    found = [
        [row["index"] for row in post(server, {**BODY, "top_n": 1}).json()["results"]]
        for _ in range(3)
    ]
    assert found == [[], [0, 0], [2]]


def test_a_dialect_of_ones_own():
    read, write = DIALECTS["jina"].read, lambda rows, body: {"mine": len(rows)}
    mine = Dialect(("/mine",), read, write, lambda status, code, message: {"bad": message})
    with LocalRerankServer(dialect=mine) as server:
        assert post(server, path="/mine").json() == {"mine": 2}


def test_a_model_that_it_does_not_have_is_refused():
    with LocalRerankServer(models=["other"]) as server:
        assert post(server).status_code == 400
        assert post(server, {**BODY, "model": "other"}).status_code == 200


def test_faults_come_in_order_and_once(server):
    server.faults = [503, None, Refusal(429, {"Retry-After": "1"}, "slow down")]
    assert post(server).status_code == 503
    assert post(server).status_code == 200
    refused = post(server)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["detail"]["message"] == "slow down"
    assert post(server).status_code == 200


@pytest.mark.parametrize("fault", ["truncated", "no_json", "deep"])
def test_bodies_that_are_not_json(server, fault):
    server.faults = [fault]
    with pytest.raises((ValueError, RecursionError)):
        json.loads(post(server).content)


@pytest.mark.parametrize(
    ("fault", "indices"), [("missing", [0]), ("repeated", [0, 0, 1]), ("foreign", [0, 2])]
)
def test_results_with_wrong_indices(server, fault, indices):
    server.faults = [fault]
    assert sorted(row["index"] for row in post(server).json()["results"]) == indices


@pytest.mark.parametrize("fault", ["nan", "huge", "form"])
def test_results_that_no_client_may_accept(server, fault):
    server.faults = [fault]
    reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
    with reranker, pytest.raises(InvalidResponseError):
        reranker.score("q", ["x"])


@pytest.mark.parametrize("fault", ["drop", "reset", "cut"])
def test_connections_that_break(server, fault):
    server.faults = [fault]
    with pytest.raises(httpx.TransportError):
        post(server)


def test_random_faults_are_the_same_every_time():
    statuses = []
    for _ in range(2):
        with LocalRerankServer(fault_rate=0.5, random_faults=[500, 503]) as server:
            statuses.append([post(server).status_code for _ in range(12)])
    assert statuses[0] == statuses[1]
    assert {200, 500} <= set(statuses[0])


def test_latency_and_the_limit_of_requests_at_once():
    with LocalRerankServer(latency=0.05, max_at_once=0) as server:
        start = time.monotonic()
        assert post(server).status_code == 429
        assert time.monotonic() - start >= 0.05


def test_a_reranker_in_ones_own_test():
    with LocalRerankServer(faults=[400], dialect="jina") as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        with reranker:
            with pytest.raises(APIError, match="scripted 400"):
                reranker.score("q", ["x"])
            assert reranker.score("turbine", ["turbine", Content("x")]) == [1.0, 0.0]
