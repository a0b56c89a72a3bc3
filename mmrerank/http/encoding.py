"""Images as services read them, and as many documents as one request may carry."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mmrerank.errors import APITimeoutError, ImageError
from mmrerank.images.encode import encode_image
from mmrerank.types import Content, Image

__all__ = [
    "check_images_deadline",
    "content_parts",
    "encode_as_data_uri",
    "images_until",
    "take_within_bytes",
]

_images_deadline: ContextVar[float] = ContextVar("images_deadline", default=math.inf)


@contextmanager
def images_until(deadline: float) -> Iterator[None]:
    """In this block, images are encoded until `deadline` (of `time.monotonic`) only.

    A service's `_item` encodes several images without knowing of the call that it works for.
    """
    token = _images_deadline.set(deadline)
    try:
        yield
    finally:
        _images_deadline.reset(token)


def check_images_deadline(model: str) -> None:
    """Raise `APITimeoutError`, which names `model`, if the time for images is over."""
    if time.monotonic() > _images_deadline.get():
        raise APITimeoutError(f"{model}: the deadline passed while images were encoded")


def encode_as_data_uri(image: Image, max_pixels: int, *, pass_urls: bool) -> str:
    """A data URI of the image, shrunk to `max_pixels`; or its URL, if `pass_urls` allows that.

    Raises `ImageError` for an unreadable image, and for a URL that may not be passed on.
    """
    if image.url is not None:
        if pass_urls:
            return image.url
        raise ImageError(
            image.url.partition("?")[0],
            "is a URL; pass send_urls=True if the service fetches URLs, or fetch it first "
            "(mmrerank.images.fetch.fetch_image)",
        )
    encoded = encode_image(image, max_pixels)
    return f"data:{encoded.media_type};base64,{base64.b64encode(encoded.data).decode('ascii')}"


def take_within_bytes(items: Iterable[Any], max_bytes: int) -> list[Any]:
    """The first items whose JSON has at most `max_bytes` together; at least one item.

    Reads at most one item more than it returns, so that an iterator that encodes images does no
    more work than needed.
    """
    taken: list[Any] = []
    total = 0
    for item in items:
        total += _json_size(item)
        if taken and total > max_bytes:
            break
        taken.append(item)
    return taken


def _json_size(value: Any) -> int:
    """About as many bytes as the JSON of `value` will have."""
    if isinstance(value, str):
        return 3 + (len(value) if value.isascii() else len(value.encode("utf-8", "replace")))
    if isinstance(value, dict):
        return 2 + sum(_json_size(key) + _json_size(item) for key, item in value.items())
    return 2 + sum(map(_json_size, value)) if isinstance(value, list) else 8


def content_parts(content: Content, images: Iterable[str]) -> list[dict[str, Any]]:
    """The parts of a chat message, images first: the order that joint models were trained on."""
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": uri}} for uri in images
    ]
    if content.text is not None and (content.text.strip() or not parts):
        parts.append({"type": "text", "text": content.text})
    return parts
