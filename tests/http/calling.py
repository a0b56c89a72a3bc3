"""What the tests of the HTTP rerankers share."""

from __future__ import annotations

import asyncio
import time

from helpers import png

from mmrerank import Image


def scores_of(reranker, mode, query, documents):
    """The scores, by the synchronous or the asynchronous way."""
    if mode == "sync":
        return reranker.score(query, documents)
    return asyncio.run(reranker.ascore(query, documents))


def results_of(reranker, mode, query, documents, **cut):
    """As `scores_of`, sorted and cut."""
    if mode == "sync":
        return reranker.rerank(query, documents, **cut)
    return asyncio.run(reranker.arerank(query, documents, **cut))


def wait_until(condition, seconds=2.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def figures(count, size=(60, 40)):
    return [Image.from_bytes(png(str(i), size=size)) for i in range(count)]
