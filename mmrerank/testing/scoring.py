"""The scores of the fake reranker and of the test server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from mmrerank.images.decode import content_hash, read_bytes
from mmrerank.ocr.bm25 import tokenize
from mmrerank.types import Content, Image

__all__ = ["ScoreFunction", "overlap", "overlap_unfetched"]

ScoreFunction = Callable[[Content, Content], float]
"""Scores one item (a text or an image) against a query."""


def overlap(query: Content, item: Content) -> float:
    """The share of the query's words that occur in the text; for an image, a number in [0, 1)
    derived from its bytes and the query. Deterministic, and the same on every machine.
    """
    if item.images:
        name = content_hash(read_bytes(item.images[0])) + (query.text or "")
        return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    query_words = set(tokenize(query.text or "")) or {""}
    return len(query_words & set(tokenize(item.text or ""))) / len(query_words)


def overlap_unfetched(query: Content, item: Content) -> float:
    """As `overlap`; an image's URL stands for its bytes, since nothing is fetched in a test."""
    if item.images and (url := item.images[0].url) is not None:
        item = Content(images=[Image.from_bytes(url.encode())])
    return overlap(query, item)
