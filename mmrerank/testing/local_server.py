"""What the test servers share: a server on loopback that fails on command and records requests."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from mmrerank.testing.faults import Fault, Refusal, Reply, without_answer

__all__ = ["LocalServer"]


class LocalServer(ABC):
    """A server on loopback; a subclass says how a request is answered.

    The first requests are answered with `faults`, one each (None: no fault); after that, a share
    `fault_rate` of them with one of `random_faults` (from a fixed seed). `models` are the only ones
    it knows (None: any). `facts` are answers to GET requests, by path. `latency` is in seconds.
    More requests at once than `max_at_once` are answered with 429. With `needs_key=False` it asks
    for no key, as a self-hosted server without `--api-key`. With `ssl_context` it serves https.

    `requests` lists the JSON bodies received, `headers` their headers, with names in lower case;
    `lookups` lists the paths of GET requests, which have no faults; `most_at_once` is the largest
    number of requests at the same time, `connections` the number open now.
    """

    api_key = "test-key"

    def __init__(
        self,
        *,
        faults: Sequence[Fault | None] = (),
        fault_rate: float = 0.0,
        random_faults: Sequence[Fault] = (500, 503, 429, "drop"),
        models: Sequence[str] | None = None,
        facts: Mapping[str, Any] | None = None,
        latency: float = 0.0,
        max_at_once: int | None = None,
        needs_key: bool = True,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lookups: list[str] = []
        self.faults = list(faults)
        self.fault_rate, self.random_faults = fault_rate, random_faults
        self.models, self.latency, self.max_at_once = models, latency, max_at_once
        self.facts = dict(facts or {})
        self.needs_key = needs_key
        self.most_at_once = 0
        self.connections = 0
        self.stopping = threading.Event()
        self._at_once = 0
        self._random = random.Random(0)  # noqa: S311  # not a secret
        self._lock = threading.Lock()
        self._scheme = "https" if ssl_context else "http"
        self._server = _Server(self)
        if ssl_context is not None:
            self._server.socket = ssl_context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @abstractmethod
    def _answer(self, path: str, body: Any, fault: Fault | None) -> Reply:
        """The reply to a request with the right key; `fault` is one of the body or of sending it."""

    @abstractmethod
    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """An error in the form of the service."""

    @abstractmethod
    def _list_models(self, names: Sequence[str]) -> Any:
        """The answer to `GET /v1/models`."""

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
        """The reply to one request; the names of `headers` are in lower case."""
        with self._lock:
            self._at_once += 1
            at_once, self.most_at_once = self._at_once, max(self.most_at_once, self._at_once)
            fault = self.faults.pop(0) if self.faults else self._random_fault()
            self.headers.append(dict(headers))
        try:
            if self.latency:
                time.sleep(self.latency)
            if self.max_at_once is not None and at_once > self.max_at_once:
                fault = Refusal(429, message="too many at once")
            return self._checked(path, headers, _parse(raw), fault)
        finally:
            with self._lock:
                self._at_once -= 1

    def look_up(self, path: str, headers: Mapping[str, str]) -> Reply:
        """The reply to a GET request: the models, or one of `facts`. Only `/v1` asks for the key."""
        with self._lock:
            self.lookups.append(path)
        if path.startswith("/v1") and not self._has_key(headers):
            return self._wrong_key()
        if path in self.facts:
            return Reply(body=json.dumps(self.facts[path]).encode())
        if path not in ("/v1/models", "/models"):
            return self._not_found(path)
        names = ["test-model"] if self.models is None else self.models
        return Reply(body=json.dumps(self._list_models(names)).encode())

    def count_connection(self, change: int) -> None:
        """Count a connection that was opened (1) or closed (-1)."""
        with self._lock:
            self.connections += change

    def _random_fault(self) -> Fault | None:
        if self._random.random() >= self.fault_rate:
            return None
        return self._random.choice(self.random_faults)

    def _checked(
        self, path: str, headers: Mapping[str, str], body: Any, fault: Fault | None
    ) -> Reply:
        self.requests.append(body)
        if isinstance(fault, int):
            fault = Refusal(fault)
        if isinstance(fault, Refusal):
            message = fault.message or f"scripted {fault.status}"
            return self._error(fault.status, f"TEST_{fault.status}", message, fault.headers)
        if reply := without_answer(fault):
            return reply
        if not self._has_path(path):
            return self._not_found(path)
        return self._answer(path, body, fault) if self._has_key(headers) else self._wrong_key()

    def _has_path(self, path: str) -> bool:
        return True

    def _not_found(self, path: str) -> Reply:
        return self._error(404, "NOT_FOUND", f"{path} not found")

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        return not self.needs_key or headers.get("authorization") == f"Bearer {self.api_key}"

    def _wrong_key(self) -> Reply:
        return self._error(401, "AUTH_INVALID_API_KEY", "The API key is invalid.")


def _parse(raw: bytes) -> Any:
    """The JSON of a body; None, which every service refuses, if it is not JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with less, a burst of connections waits a second for a retry

    def __init__(self, owner: LocalServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up in the middle of an answer; many tests are about that."""
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
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.owner.answer(self.path, self._headers(), raw)
        if reply.fault in ("timeout", "drop", "reset"):
            self._break(reply.fault)
            return
        if reply.fault == "slow_head":
            self._trickle(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 9000)
            self.close_connection = True
            return
        self._send(reply)

    def do_GET(self) -> None:
        self._send(self.server.owner.look_up(self.path, self._headers()))

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _send(self, reply: Reply) -> None:
        if reply.events:
            self._stream(reply)
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.fault == "slow":
            self._trickle(reply.body)
        else:
            is_broken = reply.fault in ("cut", "stall")
            self.wfile.write(reply.body[:-3] if is_broken else reply.body)
            self.close_connection = self.close_connection or is_broken
            if reply.fault == "stall":
                self.wfile.flush()
                self.server.owner.stopping.wait(30)

    def _stream(self, reply: Reply) -> None:
        """Send the events one by one; of a broken stream the first half."""
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        is_broken = reply.fault in ("cut", "stall")
        events = reply.events[: len(reply.events) // 2] if is_broken else reply.events
        for event in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            if self.server.owner.stopping.wait(0.1 if reply.fault == "slow" else reply.pause):
                return
        if reply.fault == "stall":
            self.server.owner.stopping.wait(30)
        if is_broken:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _trickle(self, body: bytes) -> None:
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            self.wfile.flush()
            if self.server.owner.stopping.wait(0.1):
                return

    def _break(self, fault: str) -> None:
        if fault == "timeout":
            self.server.owner.stopping.wait(30)
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log into the output of tests."""
