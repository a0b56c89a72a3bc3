"""Answers by somebody hostile: whatever comes over the wire, a score or a typed error."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
import zlib
from contextlib import contextmanager

import pytest
import zstandard
from calling import scores_of

from mmrerank import APIError, JinaReranker

pytestmark = pytest.mark.slow

KEY = "geheim-0123456789"
RIGHT = json.dumps({"results": [{"index": 0, "relevance_score": 0.5}]}).encode()
NUMBERS = ["0", "1", "-1", "5", "9" * 50_000, "1e9", "inf", "nan", "", "1_0", "\u0661", "1s" * 20_000, "Wed, 21 Oct 9999999 07:28:00 GMT", "Mon, 1 Jan 0001 00:00:00 +2359", "(" * 50_000]  # fmt: skip
HEADERS = ["Retry-After", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Remaining-Requests", "X-RateLimit-Reset-Requests", "Location", "Content-Encoding", "Set-Cookie", "Content-Type"]  # fmt: skip
VALUES = [*NUMBERS, "gzip", "gzip, gzip", "zstd", "br", "deflate", "identity", "http://xn--/", "//[", "http://\xff", KEY, f"http://{KEY}.example/", "/v1/rerank", "a=b; Domain=xn--"]  # fmt: skip
STATUSES = [200, 200, 200, 204, 301, 302, 307, 308, 400, 401, 404, 408, 429, 500, 503, 999]


def read_request(connection):
    """All of it, or closing would reset the connection before the answer is read."""
    with connection.makefile("rb") as lines:
        length = 0
        while line := lines.readline().lower().strip():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        lines.read(length)


@contextmanager
def answering(make):
    """A server that answers each connection with `make()` and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as made:

        def serve():
            while True:
                try:
                    connection, _ = made.accept()
                except OSError:
                    return
                with connection:
                    try:
                        read_request(connection)
                        connection.sendall(make())
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.getsockname()[1]}"
        made.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def bodies():
    zeros = b"0" * 2**24
    deep = b"[" * 100_000
    echo = json.dumps({"detail": f"no to Bearer {KEY}", "code": KEY, "request_id": KEY}).encode()
    odd = [{"index": KEY, "relevance_score": 1}, {"index": 0, "relevance_score": KEY}]
    return [
        *[RIGHT] * 8,
        gzip.compress(RIGHT),
        gzip.compress(gzip.compress(zeros)),
        zlib.compress(zeros),
        zstandard.compress(zeros),
        deep,
        echo,
        KEY.encode() * 10_000,
        *[json.dumps({"results": [row]}).encode() for row in odd],
        *[json.dumps(value).encode() for value in (None, 1, "x", [], [1], {"results": None})],
        b"\xff" * 1000,
        b"",
    ]


def answer(chance, body):
    names = chance.choices(HEADERS, k=chance.randrange(4))
    lines = [f"{name}: {chance.choice(VALUES)}".encode() for name in names]
    length = len(body) + chance.choice([0, 0, 0, 0, 1, -1 if body else 0])
    head = [b"HTTP/1.1 %d X" % chance.choice(STATUSES), b"Content-Length: %d" % length, *lines]
    whole = b"\r\n".join([*head, b"Connection: close", b"", body])
    if chance.random() < 0.1:
        place = chance.randrange(len(whole))
        whole = whole[:place] + chance.randbytes(3) + whole[place:]
    return whole


def test_any_answer_is_a_score_or_a_typed_error_without_the_key(mode):
    shown = []
    chance, choices, ended = random.Random(1), bodies(), {"score": 0, "error": 0}
    with answering(lambda: answer(chance, chance.choice(choices))) as url:
        for _ in range(300):
            with JinaReranker(api_key=KEY, base_url=url, max_retries=0, deadline=5) as reranker:
                start = time.monotonic()
                try:
                    assert scores_of(reranker, mode, "q", ["x"]) == [0.5]
                    ended["score"] += 1
                except APIError as error:
                    shown.append(f"{error} {error.code} {error.request_id}")
                    ended["error"] += 1
                assert time.monotonic() - start < 4
    assert not [text for text in shown if KEY in text]
    assert min(ended.values()) > 5
