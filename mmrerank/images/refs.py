"""Image references in metadata: writing and reading them.

A chunk's references are one flat metadata value, a JSON list in a string: the only form that
Chroma, FAISS, Qdrant, PGVector and the in-memory stores of both frameworks all return unchanged.
A chunk without images does not have the key.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from mmrerank.errors import InvalidInputError

__all__ = [
    "BEST_IMAGE_KEY",
    "GENERATED_CAPTIONS_KEY",
    "IMAGES_KEY",
    "IS_SCORED_KEY",
    "MAX_REFS",
    "PARTS_KEY",
    "RELEVANCE_KEY",
    "RESULT_KEYS",
    "RETRIEVAL_RANK_KEY",
    "RETRIEVAL_ROUTES_KEY",
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

GENERATED_CAPTIONS_KEY = "generated_captions"
"""What models said of a chunk's images: `{reference: {"caption": ..., "model": ...}}` as JSON in a
string. It is not the document's text."""

IS_SCORED_KEY = "is_scored"
"""Set only if it is False: a failed call left the documents in their original order."""

PARTS_KEY = "part_scores"
"""What each part of a document scored alone, where it has several, as JSON in a string:
`[{"part": "text", "score": 0.2}, {"part": "image", "score": 0.6, "image": reference}]`. "figure"
are the caption and the words of a figure."""

RETRIEVAL_ROUTES_KEY = "retrieval_routes"
"""The rank on each route of an index that found the document, `{"words": 1}` as JSON in a string."""

RESULT_KEYS = (
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_SCORE_KEY,
    RETRIEVAL_ROUTES_KEY,
    RELEVANCE_KEY,
    PARTS_KEY,
    BEST_IMAGE_KEY,
    IS_SCORED_KEY,
)
"""What a reranker writes into metadata."""

ImageKey = str | Sequence[str] | Callable[[Mapping[str, Any]], object]
"""Where to find a document's image references: a metadata key, several, or a function of the
metadata that returns them in any form that `read_refs` accepts."""

_OnError = Callable[[InvalidInputError], None]

MAX_REFS = 1000
"""References of one metadata value, with those that cannot be read; metadata is untrusted."""

_MAX_DEPTH = 8  # of lists within lists

_DICT_NAMES = ("path", "url", "file", "image")

_BASE64_NAMES = ("image_base64", "base64")

_BASE64_KEY = re.compile(r"(.*[_-])?(base64|b64)", re.IGNORECASE)


def write_refs(refs: Iterable[str]) -> str | None:
    """References as a metadata value, in order and without duplicates; None if there are none."""
    unique = list(dict.fromkeys(refs))
    return json.dumps(unique, ensure_ascii=False) if unique else None


def read_refs(
    value: object, on_error: Callable[[InvalidInputError], None] | None = None
) -> list[str]:
    """The references in a metadata value, in order and without duplicates.

    Reads a list, a tuple, an array, a JSON list in a string, a plain path or URL, and dicts with
    `path`, `url`, `file`, `image` or `image_base64`. None (also as JSON, "null"), NaN (a missing
    value in pandas), "" and an empty list mean no references. Raises `InvalidInputError` for
    anything else, and for more than `MAX_REFS`; with `on_error`, passes it the error instead and
    leaves out what cannot be read.
    """
    refs: dict[str, None] = {}
    reader = _Reader(on_error or _raise)
    try:
        for ref in reader.read(value):
            refs[ref] = None
    except _TooManyError as error:
        reader.on_error(error)
    return list(refs)


def _raise(error: InvalidInputError) -> None:
    raise error


class _TooManyError(InvalidInputError):
    """More references than are read of one value."""


class _Reader:
    """Reads one metadata value; passes `on_error` what cannot be read, and goes on."""

    def __init__(self, on_error: _OnError) -> None:
        self.on_error = on_error
        self._left = MAX_REFS

    def read(self, value: object, depth: int = 0) -> Iterator[str]:
        """The references in a value within `depth` lists, with duplicates."""
        try:
            yield from self._parts(value, depth)
        except _TooManyError:
            raise
        except InvalidInputError as error:
            self.on_error(error)
        except Exception as error:  # an object of the caller's, whose methods may raise anything
            kind = type(value).__name__
            self.on_error(
                InvalidInputError(f"image references in a {kind} cannot be read: {error!s:.200}")
            )

    def _parts(self, value: object, depth: int) -> Iterator[str]:
        if depth > _MAX_DEPTH:
            raise InvalidInputError("image references are nested too deeply")
        if isinstance(value, str):
            yield from self._from_text(value, depth)
        elif _is_missing(value):
            return
        elif isinstance(value, Mapping):
            yield from _from_mapping(value)
        elif isinstance(value, os.PathLike):
            yield os.fsdecode(value)
        elif _holds_references(value):
            for item in value:
                yield from self._item(item, depth + 1)
        else:
            raise InvalidInputError(
                f"image references must be a str, list or dict, not {type(value).__name__}"
            )

    def _item(self, item: object, depth: int) -> Iterator[str]:
        """One item of a list: a str is a reference itself, not JSON within JSON."""
        self._left -= 1
        if self._left < 0:
            raise _TooManyError(f"has more than {MAX_REFS} image references (MAX_REFS)")
        if isinstance(item, str):
            yield from _named(item)
        else:
            yield from self.read(item, depth)

    def _from_text(self, text: str, depth: int) -> Iterator[str]:
        stripped = text.strip()
        if stripped[:1] in ("[", "{"):
            try:
                parsed = json.loads(stripped)
            except (ValueError, RecursionError):
                yield stripped  # a file name may begin with a bracket
            else:
                yield from self.read(parsed, depth + 1)
        elif stripped not in ("", "null"):
            yield str(stripped)


def _is_missing(value: object) -> bool:
    """None, NaN, and the missing values of pandas: each is not equal to itself."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, Hashable) and bool(value != value)  # noqa: PLR0124


def _holds_references(value: object) -> TypeGuard[Iterable[object]]:
    """Can this be a list of references? Bytes and arrays of numbers cannot; they may be pixels."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return False
    if hasattr(value, "dtype"):  # of numpy, pandas or torch
        return getattr(value.dtype, "kind", "") in ("O", "U", "T")
    return isinstance(value, Iterable)


def _from_mapping(value: Mapping[Any, Any]) -> list[str]:
    for name in _DICT_NAMES:
        ref = value.get(name)
        if isinstance(ref, (str, os.PathLike)):
            return _named(os.fsdecode(ref))
    for name in _BASE64_NAMES:
        if isinstance(value.get(name), str):
            return _from_base64(value[name])
    names = ", ".join((*_DICT_NAMES, *_BASE64_NAMES))
    found = [str(name)[:40] for name in itertools.islice(value, 8)]
    raise InvalidInputError(f"an image reference dict has one of {names}; not {found}")


def _named(text: str) -> list[str]:
    return [str(text)] if text.strip() else []


def _from_base64(text: str) -> list[str]:
    """A data URI of the bytes of an image file in base64."""
    if text[:5].lower() == "data:" or not text.strip():
        return _named(text)
    return [f"data:image/unknown;base64,{''.join(text.split())}"]


def find_refs(
    metadata: Mapping[str, Any],
    image_key: ImageKey = IMAGES_KEY,
    on_error: Callable[[InvalidInputError], None] | None = None,
) -> list[str]:
    """The references in a document's metadata under `image_key`, in order, without duplicates.

    A text under a key that ends in `base64` or `b64` is an image itself, as unstructured keeps it
    under `image_base64`. `on_error` and errors as for `read_refs`.
    """
    if callable(image_key):
        return read_refs(image_key(metadata), on_error)
    keys = [image_key] if isinstance(image_key, str) else image_key
    refs = (ref for key in keys for ref in _under_key(metadata, key, on_error))
    return list(dict.fromkeys(refs))


def _under_key(metadata: Mapping[str, Any], key: str, on_error: _OnError | None) -> list[str]:
    value = metadata.get(key)
    if _BASE64_KEY.fullmatch(key) and isinstance(value, str) and value[:1] not in ("[", "{"):
        return _from_base64(value)
    return read_refs(value, on_error)
