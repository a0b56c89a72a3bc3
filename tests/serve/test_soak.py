"""A minute of 64 clients, some of which leave, with documents that fail and a queue that is full."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import resource
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from helpers import DATA, image_file

pytest.importorskip("torch")
pytest.importorskip("transformers")

from mmrerank import JinaM0Reranker

MODEL = str(DATA / "golden" / "jina-reranker-m0")
SECONDS = float(os.environ.get("MMRERANK_SOAK_SECONDS", "60"))
WARM_AFTER = 5000
"""Answers after which the server's memory has nearly settled: it keeps what it compiled for each
shape of batch and the allocator's arenas of its threads. Counted, since machines differ in speed."""
MOST_GROWN = 150
"""Megabytes after that. Ten minutes with 130,000 answers took 102."""
TEXTS = [f"Report {i} of the feed pump: {i} degrees in May." for i in range(40)]
QUERIES = ["rain", "how is torque measured", "Which pump ran hot in May, and why did it?"]
DAMAGED = {"image": base64.b64encode(image_file()[:60]).decode()}

pytestmark = pytest.mark.slow


def memory(process: int) -> float:
    """Megabytes that a process holds now."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize() / 2**20


def metric(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def check(what: str, answer: httpx.Response, query: str, chosen: list[int], right: dict) -> list:
    """What is wrong with an answer."""
    if what in ("damaged", "nonsense"):
        return [] if answer.status_code == 422 else [(what, answer.status_code)]
    if answer.status_code != 200:
        return [(what, answer.status_code, answer.text)]
    found = {row["index"]: row["relevance_score"] for row in answer.json()["results"]}
    wanted = {place: right[query, i] for place, i in enumerate(chosen)}
    return [] if found == pytest.approx(wanted, abs=1e-6, rel=0) else [(found, wanted)]


async def client(url: str, number: int, end: float, right: dict, seen: Counter, wrong: list):
    chance = random.Random(number)
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        while time.monotonic() < end:
            query, count = chance.choice(QUERIES), chance.choice([1, 3, 10])
            chosen = chance.sample(range(len(TEXTS)), count)
            documents = [TEXTS[i] for i in chosen]
            what = chance.choices(["ask", "leave", "damaged", "nonsense"], [80, 10, 5, 5])[0]
            more = {"damaged": [DAMAGED], "nonsense": [3]}.get(what, [])
            body = {"query": query, "documents": documents + more}
            try:
                timeout = 0.02 if what == "leave" else 120
                answer = await http.post("/v1/rerank", json=body, timeout=timeout)
            except httpx.TimeoutException:
                seen["left"] += 1
                if what != "leave":
                    wrong.append("no answer")
                continue
            seen[answer.status_code] += 1
            if answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]) / 10)
            else:
                wrong += check(what, answer, query, chosen, right)


def test_nothing_is_lost_and_every_answer_is_right(started):
    with JinaM0Reranker(MODEL, device="cpu") as library:
        right = {
            (query, i): score
            for query in QUERIES
            for i, score in enumerate(library.score(query, TEXTS))
        }
    # oneDNN keeps what it compiled for 1,024 shapes of batches, half a megabyte each, unless told.
    few = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}
    process = started(f"jina-m0={MODEL}", "--max-queue-tokens", "8000", **few)
    url = process.ready()
    seen, wrong = Counter(), []

    async def soak(seconds: float) -> None:
        end = time.monotonic() + seconds
        await asyncio.gather(*[client(url, i, end, right, seen, wrong) for i in range(64)])

    while seen[200] < WARM_AFTER and not wrong:
        asyncio.run(soak(5))
    before = memory(process.process.pid)
    asyncio.run(soak(SECONDS))
    grown = memory(process.process.pid) - before
    print(dict(seen), f"{before:.0f} MB, and {grown:.1f} MB more")  # noqa: T201 - shown by -s
    assert wrong == []
    assert seen[200] > 100
    assert seen["left"] > 0
    assert seen[429] > 0
    end = time.monotonic() + 30
    while metric(url, "mmrerank_queue_requests"):
        assert time.monotonic() < end
    assert metric(url, "mmrerank_queue_tokens") == 0
    assert grown < MOST_GROWN
    assert process.end() == 0
    assert '"level": "error"' not in process.logs
