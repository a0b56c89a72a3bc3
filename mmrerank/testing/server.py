"""A rerank server on loopback, with faults on command. Use it through `mmrerank.testing`."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from mmrerank.images.decode import content_hash, read_bytes
from mmrerank.ocr.bm25 import tokenize
from mmrerank.testing.dialects import DIALECTS, Dialect, Refused
from mmrerank.types import Content

__all__ = ["Fault", "LocalRerankServer", "Refusal", "ScoreFunction", "overlap"]

ScoreFunction = Callable[[Content, Content], float]


def overlap(query: Content, item: Content) -> float:
    """The share of the query's words that stand in the text; for an image, a fixed number in
    [0, 1) made from its bytes and the query. Deterministic, and the same on every machine.
    """
    if item.images:
        name = content_hash(read_bytes(item.images[0])) + (query.text or "")
        return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    asked = set(tokenize(query.text or "")) or {""}
    return len(asked & set(tokenize(item.text or ""))) / len(asked)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with this status and headers; the body is an error of the service's form."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


Fault = (
    int
    | Refusal
    | Literal[
        "timeout",
        "slow",
        "slow_head",
        "drop",
        "reset",
        "cut",
        "truncated",
        "no_json",
        "deep",
        "missing",
        "repeated",
        "foreign",
        "nan",
        "huge",
        "form",
    ]
)
"""What the server does instead of answering. A number: that status. Of the connection: "timeout"
(no answer), "slow" (a byte of the body now and then), "slow_head" (of the head), "drop" (closed),
"reset", "cut" (closed within the body). Of the body: "truncated", "no_json" (HTML), "deep" (nested without end), "missing" (one
result too few), "repeated" (an index twice), "foreign" (an index not sent), "nan", "huge" (a
number beyond all floats), "form" (JSON of another form)."""


class LocalRerankServer:
    """A rerank server on loopback that speaks a service's dialect and fails on command.

    ::

        with LocalRerankServer(faults=[503, "nan"]) as server:
            JinaReranker(api_key=server.api_key, base_url=server.url)

    Scores are `overlap`, or what `score_item` gives. `dialect` is a name of the command line's
    `--reranker`. The first requests meet with `faults`, one each (None: no fault), each later one
    with `random_faults` at `fault_rate` (from a fixed seed). `latency` is in seconds;
    `max_at_once` answers 429 to more requests at once. With `ssl_context` it speaks https.

    `requests` lists the bodies that came, `headers` their headers; `most_at_once` and
    `connections` (those open now) count. Results come back as the service orders them.
    """

    api_key = "test-key"

    def __init__(
        self,
        score_item: ScoreFunction = overlap,
        *,
        dialect: str = "jina",
        faults: Sequence[Fault | None] = (),
        fault_rate: float = 0.0,
        random_faults: Sequence[Fault] = (500, 503, 429, "drop"),
        models: Sequence[str] | None = None,
        latency: float = 0.0,
        max_at_once: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.dialect: Dialect = DIALECTS[dialect]
        self.faults = list(faults)
        self.fault_rate, self.random_faults = fault_rate, random_faults
        self.models, self.latency, self.max_at_once = models, latency, max_at_once
        self.score_item = score_item
        self.most_at_once = 0
        self.connections = 0
        self.stopping = threading.Event()
        self._at_once = 0
        self._random = random.Random(0)  # noqa: S311  # no secret
        self._lock = threading.Lock()
        self._scheme = "https" if ssl_context else "http"
        self._server = _Server(self)
        if ssl_context is not None:
            self._server.socket = ssl_context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`"""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        """What to do about one request."""
        with self._lock:
            self._at_once += 1
            at_once, self.most_at_once = self._at_once, max(self.most_at_once, self._at_once)
            fault = self.faults.pop(0) if self.faults else self._random_fault()
            self.headers.append({name.lower(): value for name, value in headers.items()})
        try:
            if self.latency:
                time.sleep(self.latency)
            if self.max_at_once is not None and at_once > self.max_at_once:
                fault = Refusal(429, message="too many at once")
            return self._answer(path, headers, json.loads(raw), fault)
        finally:
            with self._lock:
                self._at_once -= 1

    def count_connection(self, change: int) -> None:
        """A connection was opened (1) or closed (-1)."""
        with self._lock:
            self.connections += change

    def _random_fault(self) -> Fault | None:
        if self._random.random() >= self.fault_rate:
            return None
        return self._random.choice(self.random_faults)

    def _answer(
        self, path: str, headers: Mapping[str, str], body: Any, fault: Fault | None
    ) -> Reply:
        self.requests.append(body)
        if isinstance(fault, int):
            fault = Refusal(fault)
        if isinstance(fault, Refusal):
            message = fault.message or f"scripted {fault.status}"
            return self._error(fault.status, f"TEST_{fault.status}", message, fault.headers)
        if fault in ("timeout", "drop", "reset"):
            return Reply(how=str(fault))
        if fault in ("no_json", "deep"):
            return Reply(body=b"<html>busy</html>" if fault == "no_json" else b"[" * 100_000)
        if path not in self.dialect.paths:
            return self._error(404, "NOT_FOUND", f"{path} not found")
        if headers.get("Authorization") != f"Bearer {self.api_key}":
            return self._error(401, "AUTH_INVALID_API_KEY", "The API key is invalid.")
        if self.models is not None and body.get("model") not in self.models:
            return self._error(400, "INPUT_MODEL_NOT_FOUND", "Model not found")
        try:
            query, items = self.dialect.read(body)
        except (Refused, KeyError, TypeError, AttributeError) as error:
            return self._error(422, "INVALID", str(error))
        rows = [(i, self.score_item(query, item)) for i, item in enumerate(items)]
        answer = self.dialect.write(_spoilt(rows, fault), body)
        whole = json.dumps({"odd": answer} if fault == "form" else answer).encode()
        how = str(fault) if fault in ("slow", "slow_head", "cut") else ""
        return Reply(body=whole[: len(whole) // 2] if fault == "truncated" else whole, how=how)

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        body = json.dumps(self.dialect.error(status, code, message)).encode()
        return Reply(status, body, headers or {})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server; `how` names what is wrong with the way it travels."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = ""


def _spoilt(rows: list[tuple[int, float]], fault: Fault | None) -> list[tuple[int, float]]:
    last, score = rows[-1]
    if fault == "missing":
        return rows[:-1]
    if fault == "repeated":
        return [*rows, rows[0]]
    if fault == "foreign":
        return [*rows[:-1], (last + 1, score)]
    spoilt = {"nan": float("nan"), "huge": 10**400}.get(str(fault), score)
    return [*rows[:-1], (last, spoilt)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with fewer, a burst of connections waits a second for its retry

    def __init__(self, owner: LocalRerankServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in the middle; that is what many tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client's delayed ACK costs 40 ms

    def setup(self) -> None:
        self.server.owner.count_connection(1)
        super().setup()

    def finish(self) -> None:
        self.server.owner.count_connection(-1)
        super().finish()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.server.owner.answer(self.path, dict(self.headers), raw)
        if reply.how in ("timeout", "drop", "reset"):
            self._break(reply.how)
            return
        if reply.how == "slow_head":
            self._trickle(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 9000)
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.how == "slow":
            self._trickle(reply.body)
        else:
            self.wfile.write(reply.body[:-3] if reply.how == "cut" else reply.body)
            self.close_connection = self.close_connection or reply.how == "cut"

    def _trickle(self, body: bytes) -> None:
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            if self.server.owner.stopping.wait(0.1):
                return

    def _break(self, how: str) -> None:
        if how == "timeout":
            self.server.owner.stopping.wait(30)
        elif how == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silent: a test's output is not the place for an access log."""
