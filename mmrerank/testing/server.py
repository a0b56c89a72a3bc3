"""A rerank server on loopback, with faults on command. Use it through `mmrerank.testing`."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from mmrerank.testing.dialects import DIALECTS, Dialect
from mmrerank.testing.dialects.forms import RefusedError
from mmrerank.testing.faults import Fault, Refusal, Reply, break_json, break_rows, without_answer
from mmrerank.testing.requests import read_request
from mmrerank.testing.scoring import ScoreFunction, overlap_unfetched

__all__ = ["LocalRerankServer"]


class LocalRerankServer:
    """A rerank server on loopback that answers as a service does, and fails on command.

    ::

        with LocalRerankServer(faults=[503, "nan"]) as server:
            JinaReranker(api_key=server.api_key, base_url=server.url)

    `score_item(query, item)` scores one item; by default `overlap`, where the URL of an image,
    which is not fetched, stands for its bytes. `dialect` is the service's name on the command line
    (`--reranker`), or a `Dialect`. The first requests are answered with `faults`, one each (None:
    no fault); after that, a share `fault_rate` of them with one of `random_faults` (from a fixed
    seed). `models` are the only ones it knows (None: any). `facts` are answers to GET requests, by
    path, beside the dialect's own. `latency` is in seconds. More requests at once than
    `max_at_once` are answered with 429. With `needs_key=False` it asks for no key, as a server of
    one's own without `--api-key`. With `ssl_context` it serves https.

    A request that the service would refuse is refused. Fields that the service does not know are
    ignored if the service ignores them, and listed in `ignored`.

    `requests` lists the JSON bodies received, `headers` their headers, with names in lower case;
    `lookups` lists the paths of GET requests, which have no faults; `most_at_once` is the largest
    number of requests at the same time, `connections` the number open now. Results are in the
    order in which the service would return them, cut and with documents as the request asks.
    """

    api_key = "test-key"

    def __init__(
        self,
        score_item: ScoreFunction = overlap_unfetched,
        *,
        dialect: str | Dialect = "jina",
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
        self.ignored: list[str] = []
        self.dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
        self.faults = list(faults)
        self.fault_rate, self.random_faults = fault_rate, random_faults
        self.models, self.latency, self.max_at_once = models, latency, max_at_once
        self.facts = {**self.dialect.facts, **(facts or {})}
        self.needs_key = needs_key
        self.score_item = score_item
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
            return self._answer(path, headers, _parse(raw), fault)
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
            return self._error(404, "NOT_FOUND", f"{path} not found")
        names = ["test-model"] if self.models is None else self.models
        return Reply(body=json.dumps(self.dialect.models(names)).encode())

    def count_connection(self, change: int) -> None:
        """Count a connection that was opened (1) or closed (-1)."""
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
        if reply := without_answer(fault):
            return reply
        endpoint = self.dialect.at(path)
        if endpoint is None:
            return self._error(404, "NOT_FOUND", f"{path} not found")
        if not self._has_key(headers):
            return self._wrong_key()
        return self._scores(endpoint, body, fault)

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        return not self.needs_key or headers.get("authorization") == f"Bearer {self.api_key}"

    def _wrong_key(self) -> Reply:
        return self._error(401, "AUTH_INVALID_API_KEY", "The API key is invalid.")

    def _scores(self, endpoint: Dialect, body: Any, fault: Fault | None) -> Reply:
        try:
            request = read_request(endpoint, body)
        except RefusedError as error:
            return self._error(endpoint.refused, "INVALID", str(error))
        if self.models is not None and request.body.get("model") not in self.models:
            return self._error(400, "INPUT_MODEL_NOT_FOUND", "Model not found")
        with self._lock:
            self.ignored += request.ignored
        rows = [(i, self.score_item(request.query, item)) for i, item in enumerate(request.items)]
        rows = break_rows(request.cut(rows), fault, sent=len(rows))
        return break_json(endpoint.write(rows, request.body), fault)

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        body = json.dumps(self.dialect.error(status, code, message)).encode()
        return Reply(status, body, headers or {})


def _parse(raw: bytes) -> Any:
    """The JSON of a body; None, which every service refuses, if it is not JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with less, a burst of connections waits a second for a retry

    def __init__(self, owner: LocalRerankServer) -> None:
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
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.fault == "slow":
            self._trickle(reply.body)
        else:
            self.wfile.write(reply.body[:-3] if reply.fault == "cut" else reply.body)
            self.close_connection = self.close_connection or reply.fault == "cut"

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
