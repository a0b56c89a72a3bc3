"""Slow clients, halves of requests, and clients that leave."""

from __future__ import annotations

import contextlib
import json
import socket
import struct

import httpx
import pytest

from mmrerank.testing import FakeReranker

BODY = json.dumps({"query": "a", "documents": ["a"]}).encode()
REQUEST = b"POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def closes(connection: socket.socket, seconds: float = 10.0) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"POST", b"POST /v1/rerank HTTP/1.1\r\nHost: a\r\n"])
def test_half_a_head(serve, sent):
    running = serve(FakeReranker(), head_seconds=0.3)
    with socket.create_connection(running.address) as connection:
        connection.sendall(sent)
        assert closes(connection)


@pytest.mark.slow
def test_half_a_head_after_an_answer(serve):
    running = serve(FakeReranker(), head_seconds=0.5)
    with socket.create_connection(running.address) as connection:
        connection.sendall(REQUEST + REQUEST + REQUEST[:20])
        connection.settimeout(20)
        found = b""
        while data := connection.recv(65536):
            found += data
        assert found.count(b"HTTP/1.1 200 ") == 2


def test_a_head_byte_by_byte_within_the_time(serve):
    running = serve(FakeReranker())
    with socket.create_connection(running.address) as connection:
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9\r\n\r\n", b"a" * 200_000]
)
def test_what_is_not_http(serve, sent):
    running = serve(FakeReranker(), head_seconds=0.5)
    with socket.create_connection(running.address) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        connection.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(65536)[:12] in (b"HTTP/1.1 400", b"")
    assert httpx.get(f"{running.url}/ready").status_code == 200


CHUNKED = b"POST /v1/rerank HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        CHUNKED + b"1;x=",
        CHUNKED + b"%x\r\n%b\r\n0\r\nX: " % (len(BODY), BODY),
        REQUEST + b"GET /",
    ],
)
def test_a_line_that_does_not_end(serve, begun):
    running = serve(FakeReranker())
    with socket.create_connection(running.address) as connection:
        connection.settimeout(10)
        with pytest.raises(ConnectionError):  # noqa: PT012 - whichever piece is one too many
            connection.sendall(begun)
            for _ in range(200):
                connection.sendall(b"a" * 50_000)


def test_many_lines(serve):
    running = serve(FakeReranker())
    with socket.create_connection(running.address) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X: b\r\n" * 15_000)
        connection.settimeout(10)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_a_body_in_many_pieces_after_one_another(serve):
    running = serve(FakeReranker())
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY + b" " * 20_000)
    with socket.create_connection(running.address) as connection:
        connection.settimeout(10)
        for _ in range(2):
            connection.sendall(CHUNKED + pieces + b"0\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_offer_of_another_protocol_is_ignored(serve):
    """Java's client makes one with each request."""
    running = serve(FakeReranker())
    offer = b"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    with socket.create_connection(running.address) as connection:
        connection.settimeout(10)
        for _ in range(2):
            connection.sendall(REQUEST.replace(b"Host: a\r\n", offer))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
def test_an_answer_that_nobody_reads(serve):
    running = serve(FakeReranker(), write_seconds=0.5)
    body = json.dumps({"query": "a", "documents": ["a" * 12_000_000]}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(running.address)
        connection.sendall(
            b"POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        connection.sendall(body)
        running.wait_until(lambda: bool(running.server.server_state.connections))
        running.wait_until(lambda: not running.server.server_state.connections)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_takes_its_work_along(serve, gated, how):
    running = serve(gated)
    with socket.create_connection(running.address) as first:
        first.sendall(REQUEST)  # the model is busy with it
        assert gated.entered.wait(10)
        waiting = socket.create_connection(running.address)
        waiting.sendall(REQUEST)
        stats = running.service.scheduler.stats
        running.wait_until(lambda: stats().requests == 2)
        if how == "reset":
            waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        waiting.close()
        running.wait_until(lambda: stats().requests == 1)
        assert stats().cancelled == 1
        gated.gate.set()
        first.settimeout(10)
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert running.service.bodies.held == 0


@pytest.mark.parametrize("sent", [len(REQUEST) // 4, len(REQUEST) - 5, len(REQUEST)])
def test_leaving_in_each_phase(serve, sent):
    running = serve(FakeReranker())
    for _ in range(20):
        with socket.create_connection(running.address) as connection:
            connection.sendall(REQUEST[:sent])
    running.wait_until(lambda: not running.server.server_state.connections)
    running.wait_until(lambda: running.service.scheduler.stats().requests == 0)
    assert httpx.post(f"{running.url}/v1/rerank", content=BODY).status_code == 200
