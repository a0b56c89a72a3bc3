"""The protocol of vector stores, as an index uses them; each database has a file in this folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["IMAGE", "TEXT", "Match", "Record", "Vector", "VectorStore", "in_batches"]

T = TypeVar("T")

Vector: TypeAlias = Sequence[float]

TEXT = "text"
"""The name of the vector of a record's text. Every record has one."""

IMAGE = "image"
"""The name of the vector of a record's first image. Records without an image have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A chunk as it is stored: a unique id, its vectors, a text and flat metadata with a `source`.

    `vectors` has a vector for each of the names `TEXT` and, if there is an image, `IMAGE`. Vectors
    of different names may have different lengths, and are never compared with each other.
    """

    id: str
    vectors: Mapping[str, Vector]
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """The id of a stored record near a query; `similarity` is the cosine of the two vectors."""

    id: str
    similarity: float


class VectorStore(Protocol):
    """Records with their vectors, on disk or on a server.

    The methods may raise any error of the database; `Index` turns it into a `StoreError` that says
    what it was doing.
    """

    def upsert(self, records: Sequence[Record]) -> None:
        """Write records, however many; a record replaces all of an older one with its id."""

    def update_vectors(self, name: str, vectors: Mapping[str, Vector]) -> None:
        """Add or replace one named vector of records, by their ids; all else of them stays.

        So the images of an index get their vectors when an image embedder is added to it. The
        records exist; what becomes of the vector of an id that does not is up to the store, but
        `delete` removes it.
        """

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids, with all their vectors. Unknown ids are ignored."""

    def ids(self, name: str | None = None) -> set[str]:
        """The ids of all records; with a `name`, of those that have a vector of that name.

        Without a name, also ids of which a killed process left only a part.
        """

    def records(self) -> list[Record]:
        """All records without their vectors, for an index whose ledger is lost."""

    def query(self, vector: Vector, k: int, *, name: str = TEXT) -> list[Match]:
        """The `k` records whose vector of this name is nearest, nearest first.

        Fewer if fewer have such a vector; none if no record has.
        """

    def refresh(self) -> None:
        """See what other processes have written since the store was opened."""


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most `size` at once: a request takes no more."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
