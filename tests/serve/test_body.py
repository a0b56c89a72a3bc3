"""Bodies: too large, too slow, too many at once."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from mmrerank.testing import FakeReranker

MB = 2**20


def head(size: int | None, path: str = "/v1/rerank") -> bytes:
    length = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n".encode()


def answer_of(connection: socket.socket) -> bytes:
    """The head of an answer, and what came along with it."""
    connection.settimeout(10)
    found = b""
    while b"\r\n\r\n" not in found:
        data = connection.recv(65536)
        if not data:
            break
        found += data
    return found


def test_too_large_is_refused_before_it_is_sent(serve):
    running = serve(FakeReranker())
    with socket.create_connection(running.address) as connection:
        connection.sendall(head(200 * MB))
        assert answer_of(connection).startswith(b"HTTP/1.1 413 ")


def test_too_large_without_a_length_is_counted(serve):
    running = serve(FakeReranker(), max_body_bytes=MB)
    with socket.create_connection(running.address) as connection:
        connection.sendall(head(None))
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            connection.sendall(chunk)
        assert answer_of(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.slow
def test_a_client_that_sends_200_megabytes_reads_its_413(serve):
    running = serve(FakeReranker())
    answer = httpx.post(f"{running.url}/v1/rerank", content=b" " * (200 * MB), timeout=60)
    assert answer.status_code == 413
    assert "at most" in answer.json()["detail"]["message"]
    running.wait_until(lambda: running.service.bodies.held == 0)


def test_a_slow_body_is_given_up(serve):
    running = serve(FakeReranker(), body_seconds=0.3)
    with socket.create_connection(running.address) as connection:
        connection.sendall(head(100) + b"{")
        assert answer_of(connection).startswith(b"HTTP/1.1 408 ")
    assert running.service.bodies.held == 0


def test_half_a_body_and_then_nothing(serve):
    running = serve(FakeReranker())
    with socket.create_connection(running.address) as connection:
        connection.sendall(head(100) + b"{")
        running.wait_until(lambda: running.service.bodies.held == 1)
    running.wait_until(lambda: running.service.bodies.held == 0)
    running.wait_until(lambda: not running.service._open)


def test_bodies_share_a_limit(serve):
    running = serve(FakeReranker(), max_body_bytes=100, max_held_bytes=150)
    body = b'{"query": "a", "documents": ["a"]}'
    with socket.create_connection(running.address) as connection:
        connection.sendall(head(100) + b" " * 99)
        running.wait_until(lambda: running.service.bodies.held == 99)
        answer = httpx.post(f"{running.url}/v1/rerank", content=body.ljust(60))
        assert answer.status_code == 429
        assert answer.headers["retry-after"]
        assert httpx.post(f"{running.url}/v1/rerank", content=body).status_code == 200
    running.wait_until(lambda: running.service.bodies.held == 0)
    assert httpx.post(f"{running.url}/v1/rerank", content=body.ljust(60)).status_code == 200


def test_a_connection_can_be_used_again_after_a_refusal(serve):
    running = serve(FakeReranker(), max_body_bytes=MB)
    with httpx.Client(base_url=running.url) as client:
        assert client.post("/v1/rerank", content=b" " * (2 * MB)).status_code == 413
        begun = time.monotonic()
        assert client.post("/v1/rerank", json={"query": "a", "documents": ["a"]}).status_code == 200
        assert time.monotonic() - begun < 5
