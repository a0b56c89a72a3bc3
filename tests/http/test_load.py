"""Many documents, many callers, a slow and failing server with a limit: all answered, in bounds."""

from __future__ import annotations

import asyncio
import hashlib
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from calling import wait_until
from helpers import png

from mmrerank import Content, Image, JinaReranker
from mmrerank.testing import LocalRerankServer

CALLERS = 20
QUERY = "turbine torque"


def score(query, item):
    """A number of its own for every document."""
    if item.images:
        return int.from_bytes(hashlib.sha256(item.images[0].data).digest()[:4]) / 2**32
    return int(item.text.split()[-1]) / 1000


def documents_and_scores():
    """1,000 documents, 300 of them with an image, cut into one list a caller."""
    documents, scores = [], []
    for i in range(1000):
        if i % 10 < 3:
            image = Image.from_bytes(png(str(i), size=(320, 240)))
            document = Content(f"turbine {i}", [image])
            scores.append(max(score(None, Content(images=[image])), i / 1000))
        else:
            document = f"turbine {i}"
            scores.append(i / 1000)
        documents.append(document)
    return documents, scores


@pytest.mark.slow
def test_a_thousand_documents_of_twenty_callers(mode, no_waiting):
    documents, expected = documents_and_scores()
    share = len(documents) // CALLERS
    shares = [documents[i : i + share] for i in range(0, len(documents), share)]
    seen = []
    with LocalRerankServer(
        score,
        latency=0.05,
        fault_rate=0.1,
        max_at_once=5,
        random_faults=(500, 503, 429, "drop", "cut"),
    ) as server:
        server.requests = Forgetful()
        reranker = JinaReranker(
            api_key=server.api_key, base_url=server.url, max_retries=8, on_usage=seen.append
        )
        tracemalloc.start()
        start = time.monotonic()
        found = run(reranker, mode, shares)
        seconds = time.monotonic() - start
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [one for scores in found for one in scores] == expected
        assert server.most_at_once <= 5
        assert server.faults == []
        assert sum(usage.retries for usage in seen) > 0
        assert len(seen) == CALLERS
        assert seconds < 30
        assert peak < 64 * 2**20  # 300 images, and client and server in one process
        assert reranker._connection.limits.slots._free == 5
        reranker.close()
        assert wait_until(lambda: server.connections == 0)


class Forgetful(list):
    def append(self, item):
        """Keep nothing."""


def run(reranker, mode, shares):
    if mode == "sync":
        with ThreadPoolExecutor(CALLERS) as pool:
            return list(pool.map(lambda share: reranker.score(QUERY, share), shares))

    async def all_at_once():
        async with reranker:
            return await asyncio.gather(*(reranker.ascore(QUERY, share) for share in shares))

    return asyncio.run(all_at_once())
