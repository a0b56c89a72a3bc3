"""Untrusted items of a request, as the model reads them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.images.decode import image_size
from mmrerank.serve.dialects.base import Call, Item
from mmrerank.serve.settings import Settings
from mmrerank.types import Content, Image, Modalities

__all__ = ["read_contents"]

_URL = re.compile(r"https?://", re.IGNORECASE)


def read_contents(
    call: Call, settings: Settings, modalities: Modalities
) -> tuple[Content, list[Content]]:
    """The query and the documents of a call. It opens URLs, where they are allowed: use a thread.

    Raises `InvalidInputError` for too many documents or images, and for images that the model
    cannot read; `ImageError` for an image that cannot be used, with the item's name.
    """
    _check_counts(call, settings, modalities)
    query = _content(call.query, "query", settings)
    documents = [
        _content(item, f"documents[{i}]", settings) for i, item in enumerate(call.documents)
    ]
    return query, documents


def _check_counts(call: Call, settings: Settings, modalities: Modalities) -> None:
    count = len(call.documents)
    if count > settings.max_documents:
        raise InvalidInputError(f"{count} documents; at most {settings.max_documents} are read")
    images = sum(_has_image(item) for item in (call.query, *call.documents))
    if images > settings.max_images:
        raise InvalidInputError(f"{images} images; at most {settings.max_images} are read")
    if _has_image(call.query) and not modalities.query_image:
        raise InvalidInputError("the model does not read images in a query")
    if images and not modalities.image:
        raise InvalidInputError("the model reads text only")


def _has_image(item: Item) -> bool:
    return not isinstance(item, str) and item.get("image") is not None


def _content(item: Item, place: str, settings: Settings) -> Content:
    if isinstance(item, str):
        return Content(item)
    given = item.get("image")
    images: Sequence[Image] = () if given is None else (_image(given, place, settings),)
    return Content(item.get("text"), images)


def _image(given: str, place: str, settings: Settings) -> Image:
    """An image whose header was read. A string never means a file of this machine."""
    image = _opened(given, place, settings)
    try:
        width, height = image_size(image)
    except ImageError as error:
        raise ImageError(place, error.reason) from None
    if width * height > settings.max_pixels:
        raise ImageError(
            place, f"has {width} x {height} pixels; at most {settings.max_pixels} are read"
        )
    return image


def _opened(given: str, place: str, settings: Settings) -> Image:
    if _URL.match(given):
        if not settings.allow_urls:
            raise ImageError(place, "is a URL; this server opens none: send the image itself")
        from mmrerank.images.fetch import fetch_image

        try:
            return Image.from_bytes(fetch_image(given))
        except ImageError as error:
            raise ImageError(place, error.reason) from None
    if given[:5].lower() == "data:":
        try:
            return Image.from_data_uri(given)
        except ImageError as error:
            raise ImageError(place, error.reason) from None
    try:
        return Image.from_bytes(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        raise ImageError(place, "is neither a data URI nor base64") from None
