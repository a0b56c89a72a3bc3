"""Proxies: who takes one, what goes through it, and what shows of its password."""

from __future__ import annotations

import pickle

import httpx
import pytest
from calling import canned_server, scores_of

from mmrerank import APIError, InvalidInputError, JinaReranker, TEIReranker, VLLMReranker
from mmrerank.http.proxies import is_this_machine, make_proxy
from mmrerank.testing import LocalRerankServer

VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_goes_to_this_machine_takes_no_proxy_of_the_environment(monkeypatch, mode, variable):
    with canned_server(body=b"{}") as (proxy, seen), LocalRerankServer() as server:
        monkeypatch.setenv(variable, proxy)
        port = server.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "127.1"):
            url = f"http://{host}:{port}"
            with JinaReranker(api_key=server.api_key, base_url=url) as reranker:
                assert scores_of(reranker, mode, "x", ["x"]) == [1.0]
    assert seen == []
    assert len(server.requests) == 3


def test_other_machines_take_the_proxy_of_the_environment(monkeypatch, mode):
    with canned_server(400, body=b"recorded") as (proxy, seen):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with (
            TEIReranker(base_url="http://gpu-box:8000") as reranker,
            pytest.raises(APIError, match="recorded"),
        ):
            scores_of(reranker, mode, "x", ["x"])
        monkeypatch.setenv("NO_PROXY", "gpu-box")
        with (
            TEIReranker(base_url="http://gpu-box:8000", max_retries=0) as reranker,
            pytest.raises(APIError, match="gpu-box:8000 could not be reached"),
        ):
            scores_of(reranker, mode, "x", ["x"])
    assert [path for path, _ in seen] == ["http://gpu-box:8000/rerank"]


def test_a_key_goes_through_a_proxy_over_http_only_where_that_is_allowed(mode):
    with canned_server(400, body=b"recorded") as (proxy, seen):
        options = {"api_key": "geheim", "base_url": "http://127.0.0.1:1", "proxy": proxy}
        with pytest.raises(InvalidInputError, match="unencrypted"):
            JinaReranker(**options)
        with (
            JinaReranker(**options, allow_http_key=True) as reranker,
            pytest.raises(APIError, match="recorded"),
        ):
            scores_of(reranker, mode, "x", ["x"])
    assert [headers["authorization"] for _, headers in seen] == ["Bearer geheim"]


@pytest.mark.parametrize("given", [True, False], ids=["given", "environment"])
def test_the_password_shows_nowhere(monkeypatch, mode, given):
    echo = b"no to Basic dXNlcjpnZWhlaW0tMTIz, that is user:geheim-123"
    with canned_server(407, body=echo) as (proxy, seen):
        url = proxy.replace("//", "//user:geheim-123@")
        monkeypatch.setenv("HTTP_PROXY", url)
        reranker = VLLMReranker(base_url="http://gpu-box:8000", proxy=url if given else None)
        with reranker, pytest.raises(APIError) as caught:
            scores_of(reranker, mode, "x", ["x"])
    assert seen[0][1]["proxy-authorization"] == "Basic dXNlcjpnZWhlaW0tMTIz"
    shown = [str(caught.value), repr(reranker), repr(vars(reranker))]
    shown.extend([repr(vars(reranker._connection)), repr(pickle.dumps(reranker))])
    for text in shown:
        assert "geheim" not in text
        assert "dXNlcjpnZWhlaW0tMTIz" not in text
    assert str(proxy).rpartition(":")[2].encode() not in pickle.dumps(reranker)


@pytest.mark.parametrize("kind", ["header", "key", "client"])
def test_headers_that_are_echoed_are_masked(mode, kind):
    with canned_server(400, body=b'{"detail": "who is geheim-123?", "code": "geheim-123"}') as (
        url,
        _,
    ):
        given = {"headers": {"X-Token": "geheim-123"}} if kind == "header" else {}
        if kind == "client":
            client = httpx.Client(headers={"X-Token": "geheim-123"})
            given = {"client": client, "async_client": None}
        key = "geheim-123" if kind == "key" else "k"
        with (
            JinaReranker(api_key=key, base_url=url, **given) as reranker,
            pytest.raises(APIError) as caught,
        ):
            scores_of(reranker, mode, "x", ["x"])
    assert "geheim" not in str(caught.value) + str(caught.value.code)
    assert "who is ***?" in str(caught.value)


@pytest.mark.parametrize("value", ["ftp://host", "http://[::1", "socks5://host:1", "http://h:port"])
def test_an_environment_that_names_no_proxy_is_a_typed_error(monkeypatch, value):
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(InvalidInputError, match=r"(?i)proxy"):
        TEIReranker(base_url="http://gpu-box:8000")
    TEIReranker(base_url="http://localhost:8000").close()


@pytest.mark.parametrize("proxy", ["http://u:geh@eim@h:x", "ftp://u:geh@eim", "u:geh@eim"])
def test_the_error_of_a_proxy_does_not_show_it(proxy):
    with pytest.raises(InvalidInputError, match="proxy must be a URL") as caught:
        make_proxy(proxy)
    assert "eim" not in str(caught.value)


def test_this_machine():
    near = ["localhost", "LOCALHOST.", "127.0.0.1", "127.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"]  # fmt: skip
    assert all(map(is_this_machine, near))
    far = ["localhost.example", "10.0.0.1", "gpu-box", "", "1", "::2", "128.0.0.1"]
    assert not any(map(is_this_machine, far))
