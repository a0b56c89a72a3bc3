"""A Chroma collection in a folder as a vector store; both frameworks can open it too."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mmrerank.errors import MissingDependencyError, StoreError
from mmrerank.filesystem import write_atomically
from mmrerank.forks import ForkGuard
from mmrerank.optional import require
from mmrerank.process_lock import process_lock
from mmrerank.retrieval.vector_store import IMAGE, TEXT, Match, Record, Vector, in_batches

__all__ = ["COLLECTION", "IMAGE_COLLECTION", "ChromaStore"]

COLLECTION = "mmrerank"
"""The records with the vectors of their texts."""

IMAGE_COLLECTION = "mmrerank-images"
"""The vectors of their images, under the same ids; made with the first of them."""

_COLLECTIONS = {TEXT: COLLECTION, IMAGE: IMAGE_COLLECTION}

_DATABASE = "chroma.sqlite3"

_LOCK, _STATE = "vectors.lock", "vectors.state"

_LOCK_TIMEOUT = 300.0  # seconds; a batch of the writer takes one or two

_one_client_at_a_time = threading.Lock()

_fork_guard = ForkGuard(
    StoreError,
    "an index cannot be used in a fork of a process that has used one: start the process "
    'with the method "spawn" of multiprocessing, or fork it before the index is opened',
)

_BATCH = 500  # records per call; Chroma refuses more than some thousands at once


class ChromaStore:
    """The collections `COLLECTION` and `IMAGE_COLLECTION` in a folder; see `VectorStore`.

    A collection of Chroma's has one vector a record, so each name has a collection. `create` makes a new collection if there is none. Raises `StoreError` if the collection cannot
    be opened, and `MissingDependencyError` if Chroma is not installed.

    Several processes may use a folder. Chroma keeps its index in memory and writes it to files
    from time to time, over whatever another process wrote there; a process that only searches
    reads these files, and may write them too. So files are read and written under a lock, and
    each writer brings its memory up to date before it changes anything. Queries are answered from
    memory and need no lock.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self._folder = folder
        self._is_read = False  # Chroma reads the files at the first question
        with self._typed_errors():
            folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._seen = self._state()  # the state of the files that the collections are of
                self._client, self._collections = _open(folder, create=create)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Is there a Chroma database in the folder?"""
        return (folder / _DATABASE).is_file()

    def upsert(self, records: Sequence[Record]) -> None:
        """Write records; a record replaces an older one with its id."""
        for batch in in_batches(records, _BATCH):
            with self._changing() as collections:
                collections[TEXT].upsert(  # `add` would keep the old text of an id that exists
                    ids=[record.id for record in batch],
                    embeddings=[list(record.vectors[TEXT]) for record in batch],
                    documents=[record.text for record in batch],
                    metadatas=_replaced(collections[TEXT], batch),
                )
                images = {one.id: one.vectors[IMAGE] for one in batch if IMAGE in one.vectors}
                without = [one.id for one in batch if IMAGE not in one.vectors]
                if without and IMAGE in collections:
                    collections[IMAGE].delete(ids=without)
                self._write_vectors(IMAGE, images)

    def update_vectors(self, name: str, vectors: Mapping[str, Vector]) -> None:
        """Add or replace one named vector of records that exist."""
        for ids in in_batches(list(vectors), _BATCH):
            with self._changing():
                self._write_vectors(name, {id_: vectors[id_] for id_ in ids})

    def _write_vectors(self, name: str, vectors: Mapping[str, Vector]) -> None:
        """Write vectors of one name. Only while the files are locked."""
        if not vectors:
            return
        if name not in self._collections:
            self._collections[name] = _make_collection(self._client, name)
        ids, values = list(vectors), [list(vector) for vector in vectors.values()]
        if name == TEXT:  # the text and metadata stay, and an unknown id is not added
            self._collections[name].update(ids=ids, embeddings=values)
        else:
            self._collections[name].upsert(ids=ids, embeddings=values)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids, with all their vectors."""
        for batch in in_batches(ids, _BATCH):
            with self._changing() as collections:
                for collection in collections.values():
                    collection.delete(ids=list(batch))

    def ids(self, name: str | None = None) -> set[str]:
        """The ids of all records, or of those with a vector of this name."""
        collections = self._loaded()
        names = collections if name is None else collections.keys() & {name}
        return {id_ for one in names for id_ in collections[one].get(include=[])["ids"]}

    def records(self) -> list[Record]:
        """All records, without their vectors."""
        rows = self._loaded()[TEXT].get(include=["documents", "metadatas"])
        columns = (rows["ids"], rows["documents"], rows["metadatas"])
        return [
            Record(id=id_, vectors={}, text=text or "", metadata=metadata or {})
            for id_, text, metadata in zip(*columns, strict=True)
        ]

    def query(self, vector: Vector, k: int, *, name: str = TEXT) -> list[Match]:
        """The `k` records whose vector of this name is nearest, nearest first."""
        collection = self._loaded().get(name)
        if collection is None:
            return []
        answer = collection.query(
            query_embeddings=[list(vector)], n_results=k, include=["distances"]
        )
        space = (collection.metadata or {}).get("hnsw:space", "l2")
        pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return [Match(id_, _similarity(distance, space)) for id_, distance in pairs]

    def refresh(self) -> None:
        """Read the files again if another process has changed them since."""
        if self._seen != self._state():
            with self._locked():
                self._load()

    def _loaded(self) -> Mapping[str, Any]:
        """The collections by the names of their vectors, after their files were read."""
        _fork_guard.check()
        if not self._is_read:
            with self._locked():
                self._load()
        return self._collections

    def _load(self) -> None:
        """Bring the memory up to date. Only under the lock."""
        state = self._state()
        if self._seen != state:  # Chroma would go on with what it has in memory
            self._client, self._collections = _open(self._folder, create=False)
            self._seen, self._is_read = state, False
        if not self._is_read:
            for collection in self._collections.values():
                collection.count()  # whatever is asked first reads the files
            self._is_read = True

    @contextmanager
    def _changing(self) -> Iterator[Mapping[str, Any]]:
        """The collections, up to date and locked; a new state makes other processes read it again.

        The state is written before the change, which others cannot read until the lock is free:
        so they also read it again if this process is killed in between.
        """
        with self._locked():
            self._load()
            self._seen = uuid.uuid4().hex
            write_atomically(self._folder / _STATE, self._seen.encode())
            yield self._collections

    def _state(self) -> str:
        """A value that changes with each change of the files."""
        try:
            return (self._folder / _STATE).read_text("ascii", errors="replace")
        except FileNotFoundError:
            return ""

    def _locked(self) -> AbstractContextManager[None]:
        _fork_guard.check()
        return process_lock(
            self._folder / _LOCK,
            timeout=_LOCK_TIMEOUT,
            busy=f"another process keeps the vectors in {self._folder} locked",
        )

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


def _open(folder: Path, *, create: bool) -> tuple[Any, dict[str, Any]]:
    """A client, and the collections that exist, by the names of their vectors."""
    client = _own_client(folder)
    there = {getattr(one, "name", one) for one in client.list_collections()}
    collections = {
        name: client.get_collection(collection, embedding_function=None)
        for name, collection in _COLLECTIONS.items()
        if collection in there or (name == TEXT and not create)  # which says that there is none
    }
    if TEXT not in collections:
        collections[TEXT] = _make_collection(client, TEXT)
    return client, collections


def _make_collection(client: Any, name: str) -> Any:
    # No embedding function: Chroma's default would download a model on first use.
    return client.get_or_create_collection(
        _COLLECTIONS[name], embedding_function=None, metadata={"hnsw:space": "cosine"}
    )


def _similarity(distance: float, space: str) -> float:
    # The vectors have length 1, and Chroma's l2 is the squared distance.
    return 1.0 - (distance / 2 if space == "l2" else distance)


def _replaced(collection: Any, records: Sequence[Record]) -> list[Mapping[str, Any]]:
    """The metadata of records; Chroma keeps keys of an older record unless they are None."""
    own = {record.id: record.metadata for record in records}
    rows = collection.get(ids=list(own), include=["metadatas"])
    for id_, old in zip(rows["ids"], rows["metadatas"], strict=True):
        own[id_] = {**dict.fromkeys(old or {}), **own[id_]}
    return [own[record.id] for record in records]


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
