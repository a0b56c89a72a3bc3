"""`mmrerank serve` over HTTP: its overhead, and its throughput beside other servers.

    python benchmarks/serve_http.py overhead
    python benchmarks/serve_http.py load
    python benchmarks/serve_http.py infinity --infinity .venv-infinity/bin/infinity_emb

`overhead`: one client and ten short texts, the library and the server in turn, with the tiny
checkpoint of the tests. `load`: the same checkpoint with 1, 8 and 64 clients, each request with ten
texts, of which the server has read none (cold) or all (warm), beside a minimal server: FastAPI with
one lock around the plain library. `infinity`: the same with a small cross-encoder, and Infinity
beside both. Every server is a process of its own on loopback, with one thread of torch. Writes
results/serve-http-*.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from letter_bert import random_cross_encoder

TINY = HERE.parent / "tests" / "data" / "golden" / "jina-reranker-m0"
CLIENTS = (1, 8, 64)
QUERIES = ["rain", "how is torque measured", "Which pump ran hot in May, and why?"]
SHORT = [f"Report {i} of the feed pump: {70 + i} degrees in May." for i in range(10)]

MINIMAL = """
import asyncio, sys
import torch, uvicorn
from fastapi import FastAPI, Request
from mmrerank import CrossEncoderReranker, JinaM0Reranker
torch.set_num_threads(1)
kind, path, port = sys.argv[1:]
reranker = {"jina-m0": JinaM0Reranker, "cross-encoder": CrossEncoderReranker}[kind](path, device="cpu")
app, lock = FastAPI(), asyncio.Lock()
@app.post("/v1/rerank")
async def rerank(request: Request) -> dict:
    body = await request.json()
    async with lock:
        found = await asyncio.to_thread(reranker.rerank, body["query"], body["documents"])
    return {"results": [{"index": r.index, "relevance_score": r.relevance_score} for r in found]}
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error")
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def process(command: list[str], url: str, body: dict[str, Any]) -> Iterator[str]:
    """A server that answers `body`, with its address."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"
    }  # fmt: skip
    with tempfile.TemporaryFile("w+") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        try:
            for _ in range(1800):
                with contextlib.suppress(httpx.TransportError):
                    if httpx.post(url, json=body, timeout=60).status_code == 200:
                        break
                if server.poll() is not None:
                    out.seek(0)
                    raise SystemExit(out.read()[-3000:])
                time.sleep(0.1)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def servers(kind: str, path: str, infinity: str | None) -> dict[str, tuple[list[str], str]]:
    """The command and the address of each server."""
    ours, minimal, other = free_port(), free_port(), free_port()
    found = {
        "mmrerank serve": (
            [sys.executable, "-m", "mmrerank", "serve", f"{kind}={path}", "--port", str(ours)],
            f"http://127.0.0.1:{ours}/v1/rerank",
        ),
        "one lock": (
            [sys.executable, "-c", MINIMAL, kind, path, str(minimal)],
            f"http://127.0.0.1:{minimal}/v1/rerank",
        ),
    }
    if infinity is not None:
        options = "--no-bettertransformer --device cpu --engine torch --no-model-warmup".split()
        found["Infinity"] = (
            [infinity, "v2", "--model-id", path, "--served-model-name", "m", "--host", "127.0.0.1",
             "--port", str(other), *options],
            f"http://127.0.0.1:{other}/rerank",
        )  # fmt: skip
    return found


def body_of(query: str, documents: list[str]) -> dict[str, Any]:
    return {"model": "m", "query": query, "documents": documents, "return_documents": False}


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        f"p{p} ms": round(1000 * ordered[min(len(ordered) - 1, int(p / 100 * len(ordered)))], 2)
        for p in (50, 95, 99)
    }


def overhead(args: argparse.Namespace) -> dict[str, Any]:
    """The library and the server in turn, so that both meet the same load of the machine."""
    import torch

    from mmrerank import JinaM0Reranker

    torch.set_num_threads(1)
    reranker = JinaM0Reranker(str(TINY), device="cpu")
    command, url = servers("jina-m0", str(TINY), None)["mmrerank serve"]
    payload = json.dumps(body_of(QUERIES[1], SHORT)).encode()
    plain, served = [], []
    with process(command, url, body_of(QUERIES[1], SHORT)):
        port = int(re.search(r":(\d+)/", url)[1])
        client = http.client.HTTPConnection("127.0.0.1", port)
        for i in range(args.requests + 20):
            began = time.perf_counter()
            scores = reranker.score(QUERIES[1], SHORT)
            middle = time.perf_counter()
            client.request("POST", "/v1/rerank", payload)
            answer = json.loads(client.getresponse().read())
            ended = time.perf_counter()
            found = {one["index"]: one["relevance_score"] for one in answer["results"]}
            assert all(abs(found[k] - score) < 1e-6 for k, score in enumerate(scores))
            if i >= 20:
                plain.append(middle - began)
                served.append(ended - middle)
        client.close()
    added = statistics.median(b - a for a, b in zip(plain, served, strict=True))
    return {
        "library": percentiles(plain),
        "server": percentiles(served),
        "difference of p50, ms": round(
            1000 * (statistics.median(served) - statistics.median(plain)), 2
        ),
        "median of differences, ms": round(1000 * added, 2),
    }


async def drive(url: str, bodies: list[dict[str, Any]], clients: int) -> dict[str, float]:
    """Requests a second and how long one takes, with this many clients at once."""
    left, waits = iter(bodies), []

    async def client(http: httpx.AsyncClient) -> None:
        for body in left:
            began = time.perf_counter()
            answer = await http.post(url, json=body)
            answer.raise_for_status()
            assert len(answer.json()["results"]) == len(body["documents"])
            waits.append(time.perf_counter() - began)

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(timeout=600, limits=limits) as http:
        began = time.perf_counter()
        await asyncio.gather(*[client(http) for _ in range(clients)])
        wall = time.perf_counter() - began
    return {"requests/s": round(len(bodies) / wall, 1), **percentiles(waits)}


def bodies(kind: str, count: int, fresh: Iterator[int]) -> list[dict[str, Any]]:
    def documents() -> list[str]:
        if kind == "warm":
            return SHORT
        return [f"{text} Number {next(fresh)}." for text in SHORT]

    return [body_of(f"{QUERIES[i % 3]} {i}", documents()) for i in range(count)]


def load(args: argparse.Namespace, kind: str, path: str) -> dict[str, Any]:
    """Servers in turn at each number of clients."""
    out: dict[str, Any] = {}
    fresh = itertools.count()
    with contextlib.ExitStack() as stack:
        urls = {}
        for name, (command, url) in servers(kind, path, args.infinity).items():
            urls[name] = stack.enter_context(process(command, url, body_of("a", SHORT)))
        for temperature, clients in itertools.product(("cold", "warm"), CLIENTS):
            for name, url in urls.items():
                count = args.requests if clients > 1 else args.requests // 2
                found = asyncio.run(drive(url, bodies(temperature, count, fresh), clients))
                out.setdefault(temperature, {}).setdefault(str(clients), {})[name] = found
                print(temperature, clients, name, found, flush=True)
    return out


def cross_encoder(folder: Path) -> str:
    """BERT with random weights: four layers of 256, letters for words."""
    path = folder / "cross-encoder"
    path.mkdir(exist_ok=True, parents=True)
    return str(random_cross_encoder(path, hidden=256, layers=4, heads=4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=["overhead", "load", "infinity"])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--model", type=Path, default=TINY, help="of the run load")
    parser.add_argument("--infinity", metavar="PROGRAM", help="its command, for the run infinity")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-b")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True, mode=0o700)
    began = os.getloadavg()
    if args.run == "overhead":
        found = overhead(args)
    elif args.run == "load":
        found = load(args, "jina-m0", str(args.model))
    else:
        found = load(args, "cross-encoder", cross_encoder(args.folder))
    made = {"load before": began, "load after": os.getloadavg(), "requests": args.requests} | found
    text = json.dumps(made, indent=1) + "\n"
    (HERE / "results" / f"serve-http-{args.run}.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
