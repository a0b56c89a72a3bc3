"""The protocol of vector stores, as an index uses them; each database has a file in this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Match", "Record", "VectorStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A chunk as it is stored: a unique id, a vector, a text and flat metadata with a `source`."""

    id: str
    vector: Sequence[float]
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

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids, however many. Unknown ids are ignored."""

    def ids(self) -> set[str]:
        """The ids of all records."""

    def records(self) -> list[Record]:
        """All records without their vectors, for an index whose ledger is lost."""

    def query(self, vector: Sequence[float], k: int) -> list[Match]:
        """The `k` records nearest to a vector, nearest first; fewer if the store has fewer."""

    def refresh(self) -> None:
        """See what other processes have written since the store was opened."""
