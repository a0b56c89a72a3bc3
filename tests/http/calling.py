"""What the tests of the HTTP rerankers share."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from helpers import png

from mmrerank import Content, Image, JinaReranker
from mmrerank.catalog import RERANKERS
from mmrerank.cli.options import make_reranker
from mmrerank.http.limits import Limits
from mmrerank.testing import LocalRerankServer, Refusal

FIGURE = Image.from_bytes(png("turbine"))
DOCUMENTS = ["turbine torque", Content("beside", [Image.from_bytes(png("f"))]), "else"]
MANY = [f"turbine {i}" if i % 3 else f"number {i}" for i in range(150)]
RIGHT = [0.5 if i % 3 else 0.0 for i in range(150)]  # scores of MANY for "turbine x"
URI = "data:image/png;base64,"
IMAGE_PART = {"type": "image_url", "image_url": {"url": URI}}
QWEN = "Qwen/Qwen3-VL-Reranker-2B"


def services():
    """The names of all services that have a class of their own."""
    return [
        row.name
        for row in RERANKERS
        if row.module.startswith("mmrerank.http.") and row.preset is None
    ]


def make(name, server, **options):
    """The reranker of this service, talking to `server`."""
    return make_reranker(name, base_url=server.url, api_key=server.api_key, **options)


def reranker_for(server, kind=JinaReranker, **options):
    """A reranker of this class, talking to `server`."""
    return kind(api_key=server.api_key, base_url=server.url, **options)


def with_limits(reranker, **limits):
    reranker.limits = Limits(**limits)
    return reranker


def scores_of(reranker, mode, query, documents):
    """The scores, by the synchronous or the asynchronous method."""
    if mode == "sync":
        return reranker.score(query, documents)
    return asyncio.run(reranker.ascore(query, documents))


def results_of(reranker, mode, query, documents, **cut):
    """As `scores_of`, sorted and cut."""
    if mode == "sync":
        return reranker.rerank(query, documents, **cut)
    return asyncio.run(reranker.arerank(query, documents, **cut))


def body_sent(name, query, documents, **options):
    """The body of the one request that this makes, its images cut short."""
    with LocalRerankServer(dialect=name) as server, make(name, server, **options) as reranker:
        reranker.score(query, documents)
    assert server.ignored == []  # fields that the service does not know
    (body,) = server.requests
    return shortened(body)


def shortened(value):
    if isinstance(value, dict):
        return {key: shortened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shortened(entry) for entry in value]
    return URI if isinstance(value, str) and value.startswith(URI) else value


def fault_name(fault):
    """For the names of parametrised tests."""
    return f"{fault.status}{''.join(fault.headers)}" if isinstance(fault, Refusal) else str(fault)


def patience(fault) -> float:
    """Seconds: short only where waiting is what is tested, since machines are busy at times."""
    return 0.2 if fault == "timeout" else 20


def wait_until(condition, seconds=2.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@contextmanager
def canned_server(status=200, headers=(), body=b""):
    """The URL of a server that answers all requests so, and a list of their headers."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}", seen
        finally:
            made.shutdown()
            thread.join()


def figures(count, size=(60, 40)):
    return [Image.from_bytes(png(str(i), size=size)) for i in range(count)]
