"""Image references in metadata and image markers in text: writing, reading and removing them.

A chunk's references are one flat metadata value, a JSON list in a string: the only form that
Chroma, FAISS, Qdrant, PGVector and the in-memory stores of both frameworks all return unchanged.
A chunk without images does not have the key.
"""

from __future__ import annotations

import hashlib
import json
import re
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
    "cut_markers",
    "find_refs",
    "marked_refs",
    "marker",
    "read_refs",
    "resolve_markers",
    "with_markers",
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

_MARKER = re.compile(r"\[\[img:[0-9a-f]{16}\]\]")

_MARKER_AND_SPACE = re.compile(r" ?\[\[img:[0-9a-f]{16}\]\]")


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


def marker(ref: str) -> str:
    """The text that marks an image's place in running text, so that splitters keep it in place.

    64 bits of a hash: the same reference always has the same marker, so ids stay deterministic.
    """
    return f"[[img:{hashlib.sha256(ref.encode()).hexdigest()[:16]}]]"


def marked_refs(text: str, refs: Iterable[str]) -> list[str]:
    """Those of the parent document's own `refs` whose markers are in `text`, in text order.

    A marker of any other reference is ignored: text is untrusted.
    """
    refs_by_marker = {marker(ref): ref for ref in refs}
    markers = dict.fromkeys(match[0] for match in _MARKER.finditer(text))
    return [refs_by_marker[mark] for mark in markers if mark in refs_by_marker]


def cut_markers(text: str) -> str:
    """The text without its markers."""
    return _MARKER_AND_SPACE.sub("", text)


def with_markers(text: str, places: Iterable[tuple[int, str]]) -> str:
    """The text with a marker at each place (an offset in characters and a reference)."""
    for at, ref in sorted(set(places), reverse=True):
        before = " " if text[:at] and not text[:at][-1].isspace() else ""
        text = f"{text[:at]}{before}{marker(ref)}{text[at:]}"
    return text


def resolve_markers(text: str, refs: Iterable[str]) -> tuple[str, list[str]]:
    """A piece of a document's text without markers, and those of the document's `refs` in it."""
    return cut_markers(text), marked_refs(text, refs)
