"""A minute of 64 clients, some of which leave, with documents that fail and a queue that is full."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import random
import resource
import time
from collections import Counter

import httpx
import pytest
from helpers import DATA, image_file

pytest.importorskip("torch")
pytest.importorskip("transformers")

from mmrerank import JinaM0Reranker

MODEL = str(DATA / "golden" / "jina-reranker-m0")
SECONDS = float(os.environ.get("MMRERANK_SOAK_SECONDS", "60"))
TEXTS = [f"Report {i} of the feed pump: {i} degrees in May." for i in range(40)]
QUERIES = ["rain", "how is torque measured", "Which pump ran hot in May, and why did it?"]
DAMAGED = {"image": base64.b64encode(image_file()[:60]).decode()}

pytestmark = pytest.mark.slow


def memory() -> float:
    """Megabytes that this process holds now."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


async def client(
    url: str, number: int, end: float, right: dict, seen: Counter, wrong: list
) -> None:
    chance = random.Random(number)
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        while time.monotonic() < end:
            query, count = chance.choice(QUERIES), chance.choice([1, 3, 10])
            chosen = chance.sample(range(len(TEXTS)), count)
            documents = [TEXTS[i] for i in chosen]
            what = chance.choices(["ask", "leave", "damaged", "nonsense"], [80, 10, 5, 5])[0]
            if what == "damaged":
                documents.append(DAMAGED)
            body = {"query": query, "documents": documents}
            if what == "nonsense":
                body["documents"] = 3
            try:
                answer = await http.post(
                    "/v1/rerank", json=body, timeout=0.02 if what == "leave" else 120
                )
            except httpx.TimeoutException:
                seen["left"] += 1
                if what != "leave":
                    wrong.append("no answer")
                continue
            seen[answer.status_code] += 1
            if answer.status_code == 429:
                assert answer.headers["retry-after"]
                await asyncio.sleep(0.05)
            elif what in ("damaged", "nonsense"):
                if answer.status_code != 422:
                    wrong.append((what, answer.status_code))
            elif answer.status_code != 200:
                wrong.append((what, answer.status_code, answer.text))
            else:
                found = {row["index"]: row["relevance_score"] for row in answer.json()["results"]}
                for place, i in enumerate(chosen):
                    if abs(found[place] - right[query, i]) > 1e-6:
                        wrong.append((query, i, found[place], right[query, i]))


def test_nothing_is_lost_and_every_answer_is_right(serve):
    with JinaM0Reranker(MODEL, device="cpu") as library:
        right = {
            (query, i): score
            for query in QUERIES
            for i, score in enumerate(library.score(query, TEXTS))
        }
    running = serve(lambda: JinaM0Reranker(MODEL, device="cpu"), max_queue_tokens=8000)
    seen, wrong = Counter(), []

    async def soak(seconds: float) -> None:
        end = time.monotonic() + seconds
        await asyncio.gather(*[client(running.url, i, end, right, seen, wrong) for i in range(64)])

    asyncio.run(soak(SECONDS / 4))
    before = memory()
    asyncio.run(soak(SECONDS * 3 / 4))
    stats = running.service.scheduler.stats
    running.wait_until(lambda: stats().requests == 0)
    grown = memory() - before
    print(dict(seen), f"{grown:.1f} MB more after {SECONDS:.0f} s", stats())
    assert wrong == []
    assert seen[200] > 100
    assert seen["left"] > 0
    assert seen[429] > 0
    assert stats().queue_tokens == 0
    assert running.service.bodies.held == 0
    assert grown < 64
