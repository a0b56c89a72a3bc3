"""Images and batches as they travel: shrunk, encoded, and no more of them at once than allowed."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mmrerank.errors import ImageError
from mmrerank.images.encode import encode_image
from mmrerank.types import Content, Image

__all__ = ["content_parts", "encoded_image", "take"]


def encoded_image(image: Image, max_pixels: int, *, pass_urls: bool) -> str:
    """A data URI of the image within `max_pixels`, or its URL where that is allowed."""
    if image.url is not None:
        if pass_urls:
            return image.url
        raise ImageError(
            image.url.partition("?")[0],
            "is a URL; say send_urls=True where the service fetches URLs, or fetch it first "
            "(mmrerank.images.fetch.fetch_image)",
        )
    encoded = encode_image(image, max_pixels)
    return f"data:{encoded.media_type};base64,{base64.b64encode(encoded.data).decode('ascii')}"


def take(items: Iterable[Any], max_bytes: int) -> list[Any]:
    """The first items whose JSON holds at most `max_bytes` together, one of them at least.

    Encodes, being given an iterator, one item too many at most.
    """
    taken: list[Any] = []
    total = 0
    for item in items:
        total += _size(item)
        if taken and total > max_bytes:
            break
        taken.append(item)
    return taken


def _size(value: Any) -> int:
    """About as many bytes as the JSON of `value` will have."""
    if isinstance(value, str):
        return 3 + (len(value) if value.isascii() else len(value.encode("utf-8", "replace")))
    if isinstance(value, dict):
        return 2 + sum(_size(key) + _size(one) for key, one in value.items())
    return 2 + sum(map(_size, value)) if isinstance(value, list) else 8


def content_parts(content: Content, images: Iterable[str]) -> list[dict[str, Any]]:
    """A chat message's parts, images first: so the models that read both were trained."""
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": uri}} for uri in images
    ]
    if content.text is not None and (content.text.strip() or not parts):
        parts.append({"type": "text", "text": content.text})
    return parts
