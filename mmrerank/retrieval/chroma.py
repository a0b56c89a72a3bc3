"""A Chroma collection in a folder as a vector store; both frameworks can open it too."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.optional import require
from mmrerank.retrieval.vector_store import Match, Record

__all__ = ["COLLECTION", "ChromaStore"]

COLLECTION = "mmrerank"

_DATABASE = "chroma.sqlite3"

_ATTEMPTS, _PAUSE = 5, 0.05  # tries of a query, seconds before the second; doubled each time

_OPENING = threading.RLock()
"""Chroma keeps its clients in one table, which must not be cleared while a client is made."""

_BATCH = 500  # records per call; Chroma refuses more than some thousands at once


class ChromaStore:
    """The collection `COLLECTION` in a folder; see `VectorStore`.

    `create` makes a new collection if there is none. Raises `StoreError` if the collection cannot
    be opened, and `MissingDependencyError` if Chroma is not installed.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self._folder = folder
        self._collection = _open(folder, create=create)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Is there a Chroma database in the folder?"""
        return (folder / _DATABASE).is_file()

    def upsert(self, records: Sequence[Record]) -> None:
        """Write records; a record replaces an older one with its id."""
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            self._collection.upsert(  # `add` would keep the old text of an id that exists
                ids=[record.id for record in batch],
                embeddings=[list(record.vector) for record in batch],
                documents=[record.text for record in batch],
                metadatas=[record.metadata for record in batch],
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids."""
        for start in range(0, len(ids), _BATCH):
            self._collection.delete(ids=list(ids[start : start + _BATCH]))

    def ids(self) -> set[str]:
        """The ids of all records."""
        return set(self._collection.get(include=[])["ids"])

    def records(self) -> list[Record]:
        """All records, without their vectors."""
        rows = self._collection.get(include=["documents", "metadatas"])
        columns = (rows["ids"], rows["documents"], rows["metadatas"])
        return [
            Record(id=id_, vector=(), text=text or "", metadata=metadata or {})
            for id_, text, metadata in zip(*columns, strict=True)
        ]

    def query(self, vector: Sequence[float], k: int) -> list[Match]:
        """The `k` records nearest to a vector, nearest first.

        Chroma brings its index up to date when it is asked, and fails if another process does so
        at the same moment: then the collection is opened anew and asked again.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._query(vector, k)
            except Exception:  # Chroma raises its own errors, sqlite's and its Rust core's
                if attempt == _ATTEMPTS - 1:
                    raise
            time.sleep(_PAUSE * 2**attempt)
            self.refresh()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _query(self, vector: Sequence[float], k: int) -> list[Match]:
        count = self.count()
        if not count:
            return []
        answer = self._collection.query(
            query_embeddings=[list(vector)], n_results=min(k, count), include=["distances"]
        )
        pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return [Match(id_, self._similarity(distance)) for id_, distance in pairs]

    def count(self) -> int:
        """How many records there are."""
        return int(self._collection.count())

    def refresh(self) -> None:
        """Open the collection anew: a Chroma client does not see what other processes write."""
        from chromadb.api.shared_system_client import SharedSystemClient

        with _OPENING:
            SharedSystemClient.clear_system_cache()
            self._collection = _open(self._folder, create=False)

    def _similarity(self, distance: float) -> float:
        space = (self._collection.metadata or {}).get("hnsw:space", "l2")
        # The vectors have length 1, and Chroma's l2 is the squared distance.
        return 1.0 - (distance / 2 if space == "l2" else distance)


def _open(folder: Path, *, create: bool) -> Any:
    chromadb = require("chromadb")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Chroma's default settings, as the frameworks use: two clients in a process must agree.
        with _OPENING:
            client = chromadb.PersistentClient(str(folder))
        if not create:
            return client.get_collection(COLLECTION, embedding_function=None)
        # No embedding function: Chroma's default would download a model on first use.
        return client.get_or_create_collection(
            COLLECTION, embedding_function=None, metadata={"hnsw:space": "cosine"}
        )
    except Exception as error:  # Chroma raises its own errors, sqlite's and its Rust core's
        reason = str(error)
        if _is_read_only(folder):
            reason = "Chroma also writes when searching; make the folder and its files writable"
        raise StoreError(f"the index in {folder} cannot be opened: {reason}") from error


def _is_read_only(folder: Path) -> bool:
    paths = (folder, folder / _DATABASE)
    return ChromaStore.exists(folder) and not all(os.access(path, os.W_OK) for path in paths)
