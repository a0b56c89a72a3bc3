"""A Chroma collection in a folder as a vector store; both frameworks can open it too."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mmrerank.errors import MissingDependencyError, StoreError
from mmrerank.filesystem import write_atomically
from mmrerank.optional import require
from mmrerank.process_lock import process_lock
from mmrerank.retrieval.vector_store import Match, Record

__all__ = ["COLLECTION", "ChromaStore"]

COLLECTION = "mmrerank"

_DATABASE = "chroma.sqlite3"

_LOCK, _STATE = "vectors.lock", "vectors.state"

_LOCK_TIMEOUT = 300.0  # seconds; a batch of the writer takes one or two

_one_client_at_a_time = threading.Lock()

_process: int | None = None  # the one that has used Chroma

_BATCH = 500  # records per call; Chroma refuses more than some thousands at once


class ChromaStore:
    """The collection `COLLECTION` in a folder; see `VectorStore`.

    `create` makes a new collection if there is none. Raises `StoreError` if the collection cannot
    be opened, and `MissingDependencyError` if Chroma is not installed.

    Several processes may use a folder. Chroma keeps its index in memory and writes it to files
    from time to time, over whatever another process wrote there; a process that only searches
    reads these files, and may write them too. So files are read and written under a lock, and
    each writer brings its memory up to date before it changes anything. Queries are answered from
    memory and need no lock.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self._folder = folder
        self._seen: str | None = None  # the state of the files when they were read; None: not yet
        with self._typed_errors():
            folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._collection = _open(folder, create=create)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Is there a Chroma database in the folder?"""
        return (folder / _DATABASE).is_file()

    def upsert(self, records: Sequence[Record]) -> None:
        """Write records; a record replaces an older one with its id."""
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            with self._changing() as collection:
                collection.upsert(  # `add` would keep the old text of an id that exists
                    ids=[record.id for record in batch],
                    embeddings=[list(record.vector) for record in batch],
                    documents=[record.text for record in batch],
                    metadatas=[record.metadata for record in batch],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids."""
        for start in range(0, len(ids), _BATCH):
            with self._changing() as collection:
                collection.delete(ids=list(ids[start : start + _BATCH]))

    def ids(self) -> set[str]:
        """The ids of all records."""
        return set(self._loaded().get(include=[])["ids"])

    def records(self) -> list[Record]:
        """All records, without their vectors."""
        rows = self._loaded().get(include=["documents", "metadatas"])
        columns = (rows["ids"], rows["documents"], rows["metadatas"])
        return [
            Record(id=id_, vector=(), text=text or "", metadata=metadata or {})
            for id_, text, metadata in zip(*columns, strict=True)
        ]

    def query(self, vector: Sequence[float], k: int) -> list[Match]:
        """The `k` records nearest to a vector, nearest first."""
        answer = self._loaded().query(
            query_embeddings=[list(vector)], n_results=k, include=["distances"]
        )
        pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return [Match(id_, self._similarity(distance)) for id_, distance in pairs]

    def refresh(self) -> None:
        """Read the files again if another process has changed them since."""
        if self._seen != self._state():
            with self._locked():
                self._load()

    def _loaded(self) -> Any:
        """The collection, after its files were read."""
        _check_process()
        if self._seen is None:
            with self._locked():
                self._load()
        return self._collection

    def _load(self) -> None:
        """Bring the memory up to date. Only under the lock."""
        state = self._state()
        if self._seen == state:
            return
        if self._seen is not None:  # Chroma would go on with what it has in memory
            self._collection = _open(self._folder, create=False)
        self._collection.count()  # whatever is asked first reads the files
        self._seen = state

    @contextmanager
    def _changing(self) -> Iterator[Any]:
        """The collection, up to date and locked; a new state makes other processes read it again.

        The state is written before the change, which others cannot read until the lock is free:
        so they also read it again if this process is killed in between.
        """
        with self._locked():
            self._load()
            self._seen = uuid.uuid4().hex
            write_atomically(self._folder / _STATE, self._seen.encode())
            yield self._collection

    def _state(self) -> str:
        """A value that changes with each change of the files."""
        try:
            return (self._folder / _STATE).read_text("ascii", errors="replace")
        except FileNotFoundError:
            return ""

    def _locked(self) -> AbstractContextManager[None]:
        _check_process()
        return process_lock(
            self._folder / _LOCK,
            timeout=_LOCK_TIMEOUT,
            busy=f"another process keeps the vectors in {self._folder} locked",
        )

    def _similarity(self, distance: float) -> float:
        space = (self._collection.metadata or {}).get("hnsw:space", "l2")
        # The vectors have length 1, and Chroma's l2 is the squared distance.
        return 1.0 - (distance / 2 if space == "l2" else distance)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except MissingDependencyError:
            raise
        except Exception as error:  # Chroma raises its own errors, sqlite's and its Rust core's
            reason = str(error)
            if _is_read_only(self._folder):
                reason = "Chroma also writes when searching; make the folder and its files writable"
            raise StoreError(f"the index in {self._folder} cannot be opened: {reason}") from error


def _open(folder: Path, *, create: bool) -> Any:
    client = _own_client(folder)
    if not create:
        return client.get_collection(COLLECTION, embedding_function=None)
    # No embedding function: Chroma's default would download a model on first use.
    return client.get_or_create_collection(
        COLLECTION, embedding_function=None, metadata={"hnsw:space": "cosine"}
    )


def _check_process() -> None:
    """Raise `StoreError` in a fork of a process that has used Chroma.

    Chroma would wait there for its threads, which a fork does not have, without end.
    """
    global _process  # noqa: PLW0603 - of a process there is one
    _process = _process or os.getpid()
    if _process != os.getpid():
        raise StoreError(
            "an index cannot be used in a fork of a process that has used one: start the process "
            'with the method "spawn" of multiprocessing, or fork it before the index is opened'
        )


def _own_client(folder: Path) -> Any:
    """A client with a memory of its own.

    Chroma shares what it has in memory of a folder among all clients of a process, so that a new
    client would see what the first one saw. Chroma's own way to avoid this (`clear_system_cache`)
    drops the memory of every client, including collections that exist only in memory.
    """
    require("chromadb")
    from chromadb.api.shared_system_client import SharedSystemClient

    shared = (SharedSystemClient._identifier_to_system, SharedSystemClient._identifier_to_refcount)  # noqa: SLF001
    name = str(folder)
    with _one_client_at_a_time:
        others = [table.pop(name, None) for table in shared]
        try:
            return require("chromadb").PersistentClient(name)
        finally:
            for table, other in zip(shared, others, strict=True):
                table.pop(name, None)
                if other is not None:
                    table[name] = other


def _is_read_only(folder: Path) -> bool:
    paths = (folder, folder / _DATABASE)
    return ChromaStore.exists(folder) and not all(os.access(path, os.W_OK) for path in paths)
