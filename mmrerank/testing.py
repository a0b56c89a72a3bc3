"""For tests, yours as ours: a reranker without a model, and a rerank server on loopback.

Nothing here needs a network, a key or a download.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from mmrerank.base import Reranker
from mmrerank.bm25 import tokenize
from mmrerank.fusion import Fusion, fan_out, max_score, split_query
from mmrerank.images import content_hash, read_bytes
from mmrerank.types import Content, Modalities, Scored, Usage

__all__ = ["FakeReranker", "Fault", "LocalRerankServer", "overlap"]

ScoreFunction = Callable[[Content, Content], float]

Fault = (
    int
    | Literal["timeout", "drop", "truncated", "missing", "repeated", "foreign", "nan", "no_json"]
)
"""What the server does instead of answering: a status, no answer in time, a closed connection,
half an answer, one result too few, an index twice, an index that was not sent, NaN, or HTML."""


def overlap(query: Content, item: Content) -> float:
    """The share of the query's words that stand in the text; for an image, a fixed number in
    [0, 1) made from its bytes and the query. Deterministic, and the same on every machine.
    """
    if item.images:
        name = content_hash(read_bytes(item.images[0])) + (query.text or "")
        return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    asked = set(tokenize(query.text or "")) or {""}
    return len(asked & set(tokenize(item.text or ""))) / len(asked)


class FakeReranker(Reranker):
    """A deterministic reranker without a model; documents are fanned out as for m0.

    `score_item(query, item)` scores one part (text, or one image); by default `overlap`.
    `calls` counts how often it was asked for scores.
    """

    model = "fake"

    def __init__(
        self,
        score_item: ScoreFunction = overlap,
        *,
        modalities: Modalities | None = None,
        fusion: Fusion = max_score,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        self.modalities = modalities or Modalities(image=True, query_image=True, blank_text=True)
        self.calls = 0
        self._score_item = score_item
        self._fusion = fusion

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        self.calls += 1
        plan = fan_out(documents, self.modalities, max_images=self.max_images_per_document)
        asked = split_query(query, self.modalities)
        images = sum(len(item.images) for item in plan.items)
        self._report(
            Usage(model=self.model, documents=len(documents), parts=len(plan.items), images=images)
        )
        scores = [
            sum(self._score_item(part, item) for part in asked) / len(asked) for item in plan.items
        ]
        return plan.fuse(scores, self._fusion)


class LocalRerankServer:
    """A server on loopback that speaks the schema of Jina's `/v1/rerank`.

    ::

        with LocalRerankServer(faults=[503, "nan"]) as server:
            JinaReranker(api_key=server.api_key, base_url=server.url)

    Scores are `overlap`, or what `score_item` gives. `faults` are used up by the first requests,
    one each. `requests` lists the bodies that came. Results come back best first, as Jina's do.
    """

    api_key = "test-key"

    def __init__(
        self,
        score_item: ScoreFunction = overlap,
        *,
        faults: Sequence[Fault] = (),
        models: Sequence[str] = ("jina-reranker-m0", "jina-reranker-v3"),
        latency: float = 0.0,
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.faults = list(faults)
        self.models = models
        self.latency = latency
        self.score_item = score_item
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`"""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, headers: Any, raw: bytes) -> tuple[int, bytes] | None:
        """Status and body for one request; None closes the connection without an answer."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            fault = self.faults.pop(0) if self.faults else None
        try:
            if self.latency:
                time.sleep(self.latency)
            return self._answer(headers, raw, fault)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, headers: Any, raw: bytes, fault: Fault | None) -> tuple[int, bytes] | None:
        body = json.loads(raw)
        self.requests.append(body)
        if fault == "timeout":
            self._stopping.wait(30)
            return None
        if fault == "drop":
            return None
        if fault == "no_json":
            return 200, b"<html>busy</html>"
        if isinstance(fault, int):
            detail = {"message": f"scripted {fault}", "request_id": "r-1", "code": f"TEST_{fault}"}
            return fault, json.dumps({"detail": detail}).encode()
        refused = self._refuse(headers, body)
        if refused is not None:
            return refused
        whole = json.dumps(_spoilt(self._results(body), fault)).encode()
        return 200, whole[: len(whole) // 2] if fault == "truncated" else whole

    def _refuse(self, headers: Any, body: dict[str, Any]) -> tuple[int, bytes] | None:
        if headers.get("Authorization") != f"Bearer {self.api_key}":
            detail: Any = "The API key you provided is invalid."
            return 401, json.dumps({"detail": detail, "code": "AUTH_INVALID_API_KEY"}).encode()
        if body.get("model") not in self.models:
            detail = {"message": "Model not found", "code": "INPUT_MODEL_NOT_FOUND"}
            return 400, json.dumps({"detail": detail}).encode()
        for i, document in enumerate(body["documents"]):
            if isinstance(document, dict) and len(document) != 1:
                error = {"field": f"documents[{i}]", "message": "one of text and image"}
                return 422, json.dumps({"detail": "Validation error", "errors": [error]}).encode()
        return None

    def _results(self, body: dict[str, Any]) -> dict[str, Any]:
        query = _content(body["query"])
        scored = [
            {"index": i, "relevance_score": self.score_item(query, _content(document))}
            for i, document in enumerate(body["documents"])
        ]
        scored.sort(key=lambda result: -result["relevance_score"])
        return {
            "model": body["model"],
            "usage": {"total_tokens": 10 * len(scored)},
            "results": scored[: body.get("top_n")],
        }


def _content(value: Any) -> Content:
    if isinstance(value, str):
        return Content(value)
    if "image" in value:
        return Content.from_dict({"image": value["image"]})
    return Content(value["text"])


def _spoilt(answer: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    results = answer["results"]
    if fault == "missing":
        results.pop()
    elif fault == "repeated":
        results[-1] = dict(results[0])
    elif fault == "foreign":
        results[-1]["index"] = len(results)
    elif fault == "nan":
        results[-1]["relevance_score"] = float("nan")
    return answer


def _handler(server: LocalRerankServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            answered = (404, b'{"detail": "Not Found"}')
            found = server.answer(self.headers, raw) if self.path == "/v1/rerank" else answered
            if found is None:
                self.close_connection = True
                return
            status, body = found
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: a test's output is not the place for an access log."""

    return Handler
