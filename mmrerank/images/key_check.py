"""Does metadata name images under another key than the one that is read?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mmrerank.errors import InvalidInputError, warn
from mmrerank.images.refs import BEST_IMAGE_KEY, ImageKey, read_refs

__all__ = ["warn_if_key_looks_wrong"]

_IMAGE_NAME = re.compile(
    r"(image|img)s?([_-]?(path|file|name|url|uri|ref|base64|b64|data|src)s?)?", re.IGNORECASE
)
"""Keys that hold images whatever their values look like."""

_IMAGE_FILE = re.compile(r"\.(png|jpe?g|webp|gif|tiff?|bmp)(\"?\s*[\]}]+|[?#]\S*)?$", re.IGNORECASE)
"""The end of a file's name, of a URL with a query, or of either in JSON."""

_NOT_IMAGES = {BEST_IMAGE_KEY, "not_rendered"}  # what we write ourselves, about images

_LONGEST = 4096  # characters of a value that is looked at, unless its key says what it is

_FEW = 5  # items of a list that are looked at, and keys that are named


def warn_if_key_looks_wrong(metadatas: Iterable[Mapping[str, Any]], image_key: ImageKey) -> None:
    """Warn once if no metadata has a value under `image_key`, but some names images elsewhere.

    For the documents of one call of which none got an image. A function as `image_key` is left
    alone: it may find nothing on purpose. Raises nothing, whatever the metadata holds.
    """
    if callable(image_key):
        return
    read = [image_key] if isinstance(image_key, str) else list(image_key)
    found: dict[str, None] = {}
    for metadata in metadatas:
        if any(_names_any(metadata.get(key)) for key in read):
            return
        found.update(dict.fromkeys(_keys_of_images(metadata)))
    keys = [key for key in found if key not in read][:_FEW]
    if keys:
        example = keys[0] if len(keys) == 1 else keys
        warn(
            f"no document has an image under image_key={image_key!r}, but their metadata seems to "
            f"name images under {', '.join(map(repr, keys))}; pass image_key={example!r} to read them"
        )


def _names_any(value: object) -> bool:
    """Does a value name images, or is it something that cannot be read, which is told elsewhere?"""
    problems: list[InvalidInputError] = []
    return bool(read_refs(value, problems.append) or problems)


def _keys_of_images(metadata: Mapping[str, Any]) -> list[str]:
    return [
        key
        for key, value in metadata.items()
        if isinstance(key, str)
        and key not in _NOT_IMAGES
        and _looks_like_image(value, is_expected=_IMAGE_NAME.fullmatch(key) is not None)
    ]


def _looks_like_image(value: object, *, is_expected: bool, depth: int = 0) -> bool:
    """Does a value name an image file? If one is expected, any text does but an empty one."""
    if isinstance(value, str):
        text = value[:_LONGEST].strip()
        if is_expected:
            return text not in ("", "[]", "{}", "null", "None") and not text.isdecimal()
        is_short = len(value) <= _LONGEST and "\n" not in text
        return text[:11].lower() == "data:image/" or (
            is_short and _IMAGE_FILE.search(text) is not None
        )
    if depth > 1 or not isinstance(value, (list, tuple, dict)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return any(
        _looks_like_image(item, is_expected=is_expected, depth=depth + 1)
        for item in islice(items, _FEW)
    )
