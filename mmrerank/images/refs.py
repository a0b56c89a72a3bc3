"""Image references in metadata: writing and reading them.

A chunk's references are one flat metadata value, a JSON list in a string: the only form that
Chroma, FAISS, Qdrant, PGVector and the in-memory stores of both frameworks all return unchanged.
A chunk without images does not have the key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mmrerank.errors import InvalidInputError

__all__ = [
    "BEST_IMAGE_KEY",
    "IMAGES_KEY",
    "IS_SCORED_KEY",
    "RELEVANCE_KEY",
    "RETRIEVAL_RANK_KEY",
    "RETRIEVAL_SCORE_KEY",
    "ImageKey",
    "find_refs",
    "read_refs",
    "write_refs",
]

IMAGES_KEY = "images"

RELEVANCE_KEY = "relevance_score"

RETRIEVAL_RANK_KEY = "retrieval_rank"

RETRIEVAL_SCORE_KEY = "retrieval_score"

BEST_IMAGE_KEY = "best_image"

IS_SCORED_KEY = "is_scored"
"""Set only if it is False: a failed call left the documents in their original order."""

ImageKey = str | Sequence[str] | Callable[[Mapping[str, Any]], object]
"""Where to find a document's image references: a metadata key, several, or a function of the
metadata that returns them in any form that `read_refs` accepts."""

_OnError = Callable[[InvalidInputError], None]

_MAX_DEPTH = 8  # of lists within lists; metadata is untrusted


def write_refs(refs: Iterable[str]) -> str | None:
    """References as a metadata value, in order and without duplicates; None if there are none."""
    unique = list(dict.fromkeys(refs))
    return json.dumps(unique, ensure_ascii=False) if unique else None


def read_refs(
    value: object, on_error: Callable[[InvalidInputError], None] | None = None
) -> list[str]:
    """The references in a metadata value, in order and without duplicates.

    Reads a list, a tuple, a JSON list in a string, a plain path or URL, and dicts with `path` or
    `url`. None (also as JSON, "null"), NaN (a missing value in pandas), "" and an empty list mean
    no references. Raises `InvalidInputError` for anything else; with `on_error`, passes it the
    error instead and leaves the value out.
    """
    return list(dict.fromkeys(_references(value, on_error or _raise)))


def _raise(error: InvalidInputError) -> None:
    raise error


def _references(value: object, on_error: _OnError, depth: int = 0) -> list[str]:
    try:
        return _read(value, on_error, depth)
    except InvalidInputError as error:
        on_error(error)
        return []


def _read(value: object, on_error: _OnError, depth: int) -> list[str]:
    if depth > _MAX_DEPTH:
        raise InvalidInputError("image references are nested too deeply")
    if value is None or value != value:  # noqa: PLR0124  # NaN is the value that is not itself
        return []
    if isinstance(value, str):
        return _from_text(value, on_error, depth)
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [ref for item in value for ref in _reference_item(item, on_error, depth + 1)]
    if hasattr(value, "__fspath__"):
        return [str(value)]
    raise InvalidInputError(
        f"image references must be a str, list or dict, not {type(value).__name__}"
    )


def _from_mapping(value: Mapping[Any, Any]) -> list[str]:
    for name in ("path", "url"):
        ref = value.get(name)
        if isinstance(ref, str):
            return [ref] if ref.strip() else []
    raise InvalidInputError(
        f"an image reference dict has 'path' or 'url', not {sorted(map(str, value))}"
    )


def _reference_item(item: object, on_error: _OnError, depth: int) -> list[str]:
    """One item of a list: a str is a reference itself, not JSON within JSON."""
    if isinstance(item, str):
        return [item] if item.strip() else []
    return _references(item, on_error, depth)


def _from_text(text: str, on_error: _OnError, depth: int) -> list[str]:
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        try:
            parsed = json.loads(stripped)
        except (ValueError, RecursionError):
            return [stripped]  # a file name may begin with a bracket
        return _references(parsed, on_error, depth + 1)
    return [] if stripped in ("", "null") else [stripped]


def find_refs(
    metadata: Mapping[str, Any],
    image_key: ImageKey = IMAGES_KEY,
    on_error: Callable[[InvalidInputError], None] | None = None,
) -> list[str]:
    """The references in a document's metadata under `image_key`, in order, without duplicates.

    `on_error` and errors as for `read_refs`.
    """
    if callable(image_key):
        return read_refs(image_key(metadata), on_error)
    keys = [image_key] if isinstance(image_key, str) else image_key
    refs = (ref for key in keys for ref in read_refs(metadata.get(key), on_error))
    return list(dict.fromkeys(refs))
