"""Requests a second: a scheduler, against one lock around the plain library.

    python benchmarks/serve.py scheduler

Random weights of m0 (seed 0), small unless told otherwise with --layers and --vision. Three sides in one process, at 1, 8 and 64 concurrent tasks: a lock
around a model that keeps nothing, a lock around a model that keeps what it has read, and the
scheduler. Each request has a query of its own and some documents out of 16, all unread (cold) or
all read (warm). Sides are run in turn; the best of --rounds counts, since other programs only ever
take time away. Writes results/serve-scheduler.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import reuse_work as work
import torch

import random_models
from mmrerank import JinaM0Reranker
from mmrerank.local import Reuse
from mmrerank.serve.scheduler import Scheduler
from mmrerank.types import Content

ROOMY = Reuse(memory=16 << 30)
POOL, TASKS = 16, (1, 8, 64)
QUERIES = ["rain", "how is torque measured", work.QUERY, f"{work.OTHER_QUERY}, and why is it so"]

Ask = Callable[[str, list[Content]], Awaitable[Any]]
Call = tuple[str, list[Content]]


def calls(pool: list[Content], each: int, count: int) -> list[Call]:
    """Requests of `each` documents, taken in turn, with queries of four lengths."""
    chosen = itertools.cycle(pool)
    return [(f"{QUERIES[i % 4]} {i}", [next(chosen) for _ in range(each)]) for i in range(count)]


def locked(reranker: JinaM0Reranker) -> Ask:
    """What a minimal server does: one request after the other, in a thread."""
    lock = asyncio.Lock()

    async def ask(query: str, documents: list[Content]) -> None:
        async with lock:
            await asyncio.to_thread(reranker.score, query, documents)

    return ask


async def measure(ask: Ask, given: list[Call], tasks: int) -> dict[str, float]:
    """Requests a second by the clock and by the processor, and how long one waits."""
    left, waits = iter(given), []

    async def client() -> None:
        for query, documents in left:
            began = time.perf_counter()
            await ask(query, documents)
            waits.append(time.perf_counter() - began)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[client() for _ in range(tasks)])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(waits) == len(given)
    return {
        "requests/s": round(len(given) / wall, 2),
        "requests/s of processor": round(len(given) / cpu, 2),
        "p50 ms": round(1000 * statistics.median(waits), 1),
        "p95 ms": round(1000 * sorted(waits)[math.ceil(0.95 * len(waits)) - 1], 1),
    }


async def scheduler(args: argparse.Namespace) -> dict[str, Any]:
    """The three sides, cold and warm."""
    path = str(
        random_models.m0(
            args.folder / f"m0-{args.layers}-{args.vision}", layers=args.layers, vision=args.vision
        )
    )
    pool = work.documents(args.folder, "parts", POOL).contents
    nothing = JinaM0Reranker(path, device="cpu", reuse=False)
    kept = JinaM0Reranker(path, device="cpu", reuse=ROOMY)
    scheduled = JinaM0Reranker(path, device="cpu", reuse=ROOMY)
    serving = Scheduler(scheduled, max_queue_seconds=10_000)
    serving.start()
    sides: dict[str, Ask] = {
        "lock, nothing kept": locked(nothing),
        "lock": locked(kept),
        "scheduler": serving.submit,
    }
    out: dict[str, Any] = {}
    for kind, each in (("warm", 1), ("warm", 4), ("cold", 1)):
        if kind == "warm":
            kept.warm(pool)
            scheduled.warm(pool)
        for tasks in TASKS:
            table = out.setdefault(f"{kind}, {each} documents", {}).setdefault(str(tasks), {})
            for _, (name, ask) in itertools.product(range(args.rounds), sides.items()):
                if kind == "cold":
                    kept.clear_cache()
                    scheduled.clear_cache()
                keeps = name != "lock, nothing kept"
                count = POOL // each if kind == "cold" else 128 if keeps else 8 // each
                found = await measure(ask, calls(pool, each, count), tasks)
                best = table.setdefault(name, found)
                table[name] = max(best, found, key=lambda one: one["requests/s of processor"])
                print(kind, each, tasks, name, found, flush=True)
    await serving.drain(60)
    return {"load at the end": os.getloadavg(), "requests": out}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=["scheduler"])
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vision", type=int, default=160, help="the width of the tower")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-b")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    args.folder.mkdir(exist_ok=True, mode=0o700)
    made = {"machine": work.machine(), "layers": args.layers, "vision": args.vision} | asyncio.run(
        scheduler(args)
    )
    text = json.dumps(made, indent=1) + "\n"
    (work.HERE / "results" / f"serve-{args.run}.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
