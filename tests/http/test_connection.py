"""Clients and connections: threads, loops, forks, copies, certificates, proxies."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import ssl
import threading

import httpx
import pytest
import trustme
from calling import (
    make,
    reranker_for,
    scores_of,
    wait_until,
)

from mmrerank import (
    APIConnectionError,
    APIError,
    InvalidInputError,
    JinaReranker,
    TEIReranker,
)
from mmrerank.cli.options import make_reranker
from mmrerank.http.clients import client_arguments
from mmrerank.http.connection import Connection
from mmrerank.http.options import DEFAULTS
from mmrerank.testing import LocalRerankServer


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


def test_the_callers_async_client_is_used_and_not_closed():
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


def test_the_callers_client_is_used_and_not_closed():
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


def test_a_closed_reranker_opens_again():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        first = reranker.score("turbine", ["turbine"])
        reranker.close()
        assert reranker.score("turbine", ["turbine"]) == first
        reranker.close()


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


def test_certificates_that_the_environment_does_not_have(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(InvalidInputError, match="SSL_CERT_FILE"):
        TEIReranker(base_url="https://gpu-box")


def test_the_environments_proxies_hold(monkeypatch):
    with LocalRerankServer(dialect="tei") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        # The server here is no proxy: it finds no dialect under a whole URL.
        with (
            make_reranker("tei", base_url="http://gpu-box:8000") as reranker,
            pytest.raises(APIError, match="gpu-box:8000/rerank not found"),
        ):
            reranker.score("q", ["x"])


def test_a_proxy_can_be_given(mode):
    with LocalRerankServer(dialect="tei") as proxy:
        options = {"base_url": "http://gpu-box:8000", "proxy": proxy.url}
        with (
            make_reranker("tei", **options) as reranker,
            pytest.raises(APIError, match="gpu-box:8000/rerank not found"),
        ):
            scores_of(reranker, mode, "q", ["x"])


def test_a_timeout_may_be_httpxs_own():
    with LocalRerankServer() as server:
        timeout = httpx.Timeout(5, read=0.2)
        with make("jina", server, timeout=timeout) as reranker:
            assert reranker.score("x", ["x"]) == [1.0]


def test_the_key_goes_in_the_authorisation_header_only():
    with LocalRerankServer() as server, make("jina", server, headers={"X-Team": "t"}) as reranker:
        reranker.score("q", ["x"])
    (headers,) = server.headers
    assert headers["authorization"] == f"Bearer {server.api_key}"
    assert headers["x-team"] == "t"
    carriers = [name for name, value in headers.items() if server.api_key in value]
    assert carriers == ["authorization"]
    assert server.api_key not in str(server.requests)


def test_a_request_is_json_without_lone_surrogates():
    request = Connection("http://localhost:1/", DEFAULTS).request("/rerank", {"query": "\ud800é"})
    assert request.url == "http://localhost:1/rerank"
    assert request.content == '{"query": "?é"}'.encode()
    assert "Authorization" not in request.headers


def test_certificates_are_looked_for_at_once():
    with pytest.raises(InvalidInputError, match=r"no certificates in none\.pem"):
        client_arguments(1.0, None, "none.pem")
