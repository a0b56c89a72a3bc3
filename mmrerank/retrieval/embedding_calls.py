"""The parts of an embedder's call that have nothing to do with a model.

A call is a generator that yields batches and is sent their vectors, so that it is written once for
callers that wait and for those that await.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from array import array
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from mmrerank.errors import InvalidInputError, RerankError
from mmrerank.images.decode import read_bytes
from mmrerank.types import Image

__all__ = [
    "Steps",
    "Vector",
    "adrive",
    "drive",
    "key_of",
    "list_of",
    "read_image",
    "unit_vectors",
    "windows",
]

Vector: TypeAlias = Sequence[float]
"""The numbers of one vector, of length 1."""

_WINDOW_BYTES = 64 * 2**20  # image files that are in memory at once, unless one alone is larger

_TOLERANCE = 1e-6  # a vector whose length differs from 1 by no more stays as it is

Batch = TypeVar("Batch")
Steps: TypeAlias = Generator[Batch, Sequence[Vector], list[Vector]]
"""A call, step by step: it yields a batch, is sent the batch's vectors, and returns all vectors."""


@dataclass(frozen=True, slots=True)
class _ReadImage(Image):
    """The bytes of an image that was read once, with the name of its file for messages."""

    label: str = ""

    @property
    def name(self) -> str:
        return self.label


def read_image(image: Image) -> Image:
    """The image with its bytes in `data`, under its own name. Raises `ImageError` as `read_bytes`."""
    data = read_bytes(image)  # read once: what is hashed is what is decoded
    return _ReadImage(data=data, media_type=image.media_type, label=image.name)


def windows(images: Iterable[Image], count: int) -> Iterator[list[Image]]:
    """Up to `count` images at a time, whose files have `_WINDOW_BYTES` at most, or one alone."""
    window: list[Image] = []
    size = 0
    for image in images:
        own = len(image.data or b"")
        if window and (len(window) == count or size + own > _WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(image)
        size += own
    if window:
        yield window


def key_of(kind: str, *parts: bytes) -> str:
    """A hash that stands for `parts`, embedded as `kind`."""
    return hashlib.sha256(b"\0".join((kind.encode(), *parts))).hexdigest()


def list_of(items: Any, kind: type[Batch], what: str) -> list[Batch]:
    """The items. Raises `InvalidInputError` for what is not a list of `kind`."""
    if isinstance(items, (str, bytes, Image)) or not isinstance(items, Iterable):
        raise InvalidInputError(f"{what} is a list of {kind.__name__}, not {type(items).__name__}")
    given = list(items)
    for i, item in enumerate(given):
        if not isinstance(item, kind):
            raise InvalidInputError(
                f"{what}[{i}] is a {type(item).__name__}; {what} is a list of {kind.__name__}"
            )
    return given


def unit_vectors(
    vectors: Sequence[Vector],
    count: int,
    what: str,
    dimensions: int | None,
    unusable: Callable[[str], RerankError],
) -> list[array[float]]:
    """The `count` vectors that an embedder made of `what`, each of length 1; zeros stay zeros.

    `dimensions` is how many numbers a vector had before, if that is known. Raises what `unusable`
    makes of a description: of the wrong number of vectors, of dimensions, and numbers not finite.
    """
    try:
        made = [array("f", vector) for vector in vectors]
    except (TypeError, ValueError, OverflowError) as error:
        raise unusable(f"what is not lists of numbers: {error}") from error
    if len(made) != count:
        raise unusable(f"{len(made)} vectors of {count} {what}")
    sizes = {len(vector) for vector in made}
    if sizes != {dimensions or max(sizes)} or 0 in sizes:
        shown = " and ".join(map(str, sorted(sizes)))
        before = f"; before, they had {dimensions}" if dimensions else ""
        raise unusable(f"vectors of {shown} dimensions{before}")
    lengths = [math.hypot(*vector) for vector in made]
    if not all(map(math.isfinite, lengths)):
        raise unusable("a vector with a number that is not finite")
    return [_scaled(one, length) for one, length in zip(made, lengths, strict=True)]


def _scaled(vector: array[float], length: float) -> array[float]:
    if length == 0 or abs(length - 1) <= _TOLERANCE:
        return vector
    return array("f", [value / length for value in vector])


def _advance(
    steps: Steps[Batch], vectors: Sequence[Vector] | None
) -> tuple[Batch, None] | tuple[None, list[Vector]]:
    """The next batch, or the result after the last one."""
    try:
        return (next(steps) if vectors is None else steps.send(vectors)), None
    except StopIteration as done:
        return None, done.value


def drive(steps: Steps[Batch], embed: Callable[[Batch], Sequence[Vector]]) -> list[Vector]:
    """The result of a call whose batches `embed` turns into vectors. Raises what both raise."""
    with contextlib.closing(steps):
        batch, result = _advance(steps, None)
        while batch is not None:
            batch, result = _advance(steps, embed(batch))
    return result or []


async def adrive(
    steps: Steps[Batch], embed: Callable[[Batch], Awaitable[Sequence[Vector]]]
) -> list[Vector]:
    """As `drive`; files are read, and hashes computed, in a thread."""
    with contextlib.closing(steps):
        batch, result = await asyncio.to_thread(_advance, steps, None)
        while batch is not None:
            vectors = await embed(batch)
            batch, result = await asyncio.to_thread(_advance, steps, vectors)
    return result or []
