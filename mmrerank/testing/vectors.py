"""The vectors of the test servers: without a model, and the same on every machine."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Sequence
from typing import Any

from mmrerank.images.decode import content_hash, read_bytes
from mmrerank.ocr.bm25 import tokenize
from mmrerank.types import Content

__all__ = ["encoded", "vector_of_content"]


def vector_of_content(content: Content, dimensions: int) -> list[float]:
    """A vector of length 1: contents with common words or images are near each other.

    An image counts as one word, which its bytes or its URL make.
    """
    hashes = [image.url or content_hash(read_bytes(image)) for image in content.images]
    words = [*tokenize(content.text or ""), *hashes]
    return _unit(words or [content.text or ""], dimensions)


def encoded(vector: Sequence[Any], *, as_base64: bool) -> list[Any] | str:
    """A vector as JSON, or as the base64 of its numbers in 32 bits."""
    if not as_base64:
        return list(vector)
    numbers = [_in_32_bits(value) for value in vector]
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _in_32_bits(value: Any) -> float:
    """What has no place there is NaN, or infinite."""
    if not isinstance(value, (int, float)):
        return math.nan
    return value if abs(value) < 1e38 or value != value else math.inf  # noqa: PLR0124 - NaN


def _unit(words: Sequence[str], dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in words:
        digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        vector[int.from_bytes(digest[:4], "big") % dimensions] += 1.0 if digest[4] % 2 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if not length:  # words that cancel each other
        return [1.0, *[0.0] * (dimensions - 1)]
    return [value / length for value in vector]
