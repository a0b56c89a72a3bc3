"""One request: what prevents an answer is named, with the service's address."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import warnings

import httpx
import pytest
from calling import scores_of

from mmrerank import APIConnectionError, APIError, APITimeoutError, TEIReranker, VLLMReranker
from mmrerank.http.bounds import Bounds
from mmrerank.http.limits import Slots
from mmrerank.http.sending import post, post_async
from mmrerank.http.wire import Request, Response


@pytest.fixture
def say():
    """Starts a server that answers each connection with these bytes; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as made:

        def start(answer):
            def serve():
                while True:
                    try:
                        connection, _ = made.accept()
                    except OSError:
                        return
                    with connection:
                        connection.recv(2**20)
                        connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{made.getsockname()[1]}"

        yield start
        made.shutdown(socket.SHUT_RDWR)


def test_a_server_that_is_down_is_named_with_its_address(mode):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        VLLMReranker(base_url=f"http://127.0.0.1:{port}/v1/", max_retries=0) as reranker,
        pytest.raises(
            APIConnectionError, match=rf"service at http://127\.0\.0\.1:{port} could not"
        ),
    ):
        scores_of(reranker, mode, "x", ["x"])


def test_a_server_that_says_nothing_is_named_with_its_address(mode):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            TEIReranker(base_url=url, max_retries=0, timeout=0.2) as reranker,
            pytest.raises(APITimeoutError, match=f"service at {url} did not answer in time"),
        ):
            scores_of(reranker, mode, "x", ["x"])


@pytest.mark.parametrize(
    "answer",
    [
        b"geheim-123\r\n\r\n",
        b"HTTP/1.1 geheim-123\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ngeheim-123\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: geheim-123\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ngeheim-123\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: \xff\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
def test_broken_answers_are_typed_and_show_no_key(say, mode, answer):
    with (
        TEIReranker(api_key="geheim-123", base_url=say(answer), max_retries=0) as reranker,
        pytest.raises(APIError) as caught,
    ):
        scores_of(reranker, mode, "x", ["x"])
    assert "geheim" not in str(caught.value)


def post_by_a_client_that_is_closed_before_it_connects(step, bounds):
    client = httpx.Client(event_hooks={"request": [lambda _: client.close()]})
    return post(client, step, bounds)


async def post_by_an_async_client_that_is_closed_before_it_connects(step, bounds):
    async def close(_):
        await client.aclose()

    client = httpx.AsyncClient(event_hooks={"request": [close]})
    return await post_async(client, step, bounds)


def test_a_connection_that_is_made_after_its_client_was_closed_is_closed_too(server, mode):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    step = Request(f"{server.url}/v1/rerank", headers, b'{"query": "x", "documents": ["x"]}')
    bounds = Bounds("m", Slots(1), workers=1, deadline=time.monotonic() + 20)
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        if mode == "sync":
            answer = post_by_a_client_that_is_closed_before_it_connects(step, bounds)
        else:
            answer = asyncio.run(
                post_by_an_async_client_that_is_closed_before_it_connects(step, bounds)
            )
        gc.collect()
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert [str(one.message) for one in caught] == []
