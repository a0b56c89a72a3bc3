"""A Qdrant collection as a vector store: on a server, or in a folder without one."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrerank.errors import InvalidInputError, StoreError, warn
from mmrerank.retrieval.qdrant_connection import QdrantFolder, QdrantServer
from mmrerank.retrieval.vector_store import TEXT, Match, Record, Vector, in_batches

__all__ = ["COLLECTION", "MAX_LOCAL", "QdrantStore"]

COLLECTION = "mmrerank"

MAX_LOCAL = 5_000
"""Records in a folder from which on a `RerankWarning` recommends a server."""

_BATCH = 100  # records per request: 10 MB of JSON with 4,096 dimensions; a server takes 32 MB
_PAGE = 1_000  # records per request that have no vectors


class QdrantStore:
    """The records of an index in a collection of Qdrant; see `VectorStore`.

    `base_url` is the address of a server, with port 6333 unless it names one; or else `folder` is
    a folder of Qdrant's local mode, which keeps everything in memory, compares with every record,
    and takes one process at a time: for trials, up to `MAX_LOCAL` records. `api_key`: None takes
    QDRANT_API_KEY from the environment; it is sent over https, or to this machine, unless
    `allow_http_key`. `timeout` is how many seconds a server may be silent.

    Nothing is opened before it is needed. Each record is one point, whose id is a hash of the
    record's; its payload has `id`, `text` and `metadata`, its named vectors are the record's.

    Raises `InvalidInputError` for options that cannot be used. The methods raise `StoreError`:
    where the server is away, too slow or refuses, another process has the folder open, or vectors
    have another length than those of the collection.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        collection: str = COLLECTION,
        api_key: object = None,
        timeout: float = 30.0,
        allow_http_key: bool = False,
    ) -> None:
        if (base_url is None) == (folder is None):
            raise InvalidInputError("a QdrantStore takes base_url or folder, one of them")
        if not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
            raise InvalidInputError(f"timeout is a number of seconds above 0, not {timeout!r}")
        if not isinstance(collection, str) or not collection.strip():
            raise InvalidInputError("collection is the name of a collection, not empty")
        self.collection = collection
        self._is_server = base_url is not None
        self._connection: QdrantServer | QdrantFolder
        if folder is not None:
            self._connection = QdrantFolder(Path(os.path.abspath(folder)))  # noqa: PTH100 - a link keeps its own name
        else:
            self._connection = QdrantServer(
                base_url or "", api_key=api_key, timeout=timeout, allow_http_key=allow_http_key
            )
        self._dimensions: dict[str, int] = {}  # of the collection's vectors; {}: not known
        self._is_warned = False

    def __repr__(self) -> str:
        return f"QdrantStore({self.address!r})"

    @property
    def address(self) -> str:
        """Where the vectors are: a folder, or the URL of a server with `#` and the collection."""
        place = self._connection.place
        return f"{place}#{self.collection}" if self._is_server else place

    def close(self) -> None:
        """Close the connection; a folder is free for other processes. Safe to call twice.

        The next use opens it again.
        """
        self._dimensions = {}
        self._connection.close()

    # -- the methods of a VectorStore

    def upsert(self, records: Sequence[Record]) -> None:
        """Write records; a record replaces an older one with its id."""
        for batch in in_batches(records, _BATCH):
            with self._connection.using() as client:
                for record in batch:
                    self._prepare(client, record.vectors)
                client.upsert(self.collection, points=[_point(record) for record in batch])
                self._warn_if_large(client)

    def update_vectors(self, name: str, vectors: Mapping[str, Vector]) -> None:
        """Add or replace one named vector of records. Those of unknown ids are left out."""
        for batch in in_batches(list(vectors), _BATCH):
            with self._connection.using() as client:
                points = {_point_id(id_): vectors[id_] for id_ in batch}
                known = self._existing(client, list(points))
                for id_ in known:
                    self._prepare(client, {name: points[id_]})
                if known:
                    from qdrant_client.models import PointVectors

                    changes = [PointVectors(id=i, vector={name: list(points[i])}) for i in known]
                    client.update_vectors(self.collection, changes)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records with these ids."""
        for batch in in_batches(ids, _PAGE):
            with self._connection.using() as client:
                if self._known(client):
                    client.delete(self.collection, [_point_id(id_) for id_ in batch])

    def ids(self, name: str | None = None) -> set[str]:
        """The ids of all records, or of those with a vector of this name."""
        return {payload["id"] for payload in self._payloads(["id"], name)}

    def records(self) -> list[Record]:
        """All records, without their vectors."""
        return [
            Record(id=own["id"], vectors={}, text=own["text"], metadata=own["metadata"])
            for own in self._payloads(True, None)
        ]

    def query(self, vector: Vector, k: int, *, name: str = TEXT) -> list[Match]:
        """The `k` records nearest to a vector of this name, nearest first.

        Raises `StoreError` also where a server has no such collection: it was removed.
        """
        with self._connection.using() as client:
            dimensions = self._known(client)
            if not dimensions and self._is_server:
                raise StoreError(f"{self._connection.place} has no collection {self.collection!r}")
            if name not in dimensions:
                return []
            self._check_length(name, vector)
            found = client.query_points(
                self.collection, query=list(vector), using=name, limit=k, with_payload=["id"]
            )
            return [Match(point.payload["id"], point.score) for point in found.points]

    def refresh(self) -> None:
        """Nothing to do: a server answers with what is there, and a folder has one process."""

    # -- the collection

    def _payloads(self, fields: Any, name: str | None) -> Iterator[dict[str, Any]]:
        """The payloads of all records; `fields` of them, or all with True."""
        place: Any = None
        while True:
            with self._connection.using() as client:
                dimensions = self._known(client)
                if not dimensions or (name is not None and name not in dimensions):
                    return
                points, place = client.scroll(
                    self.collection,
                    scroll_filter=_having(name),
                    limit=_PAGE,
                    offset=place,
                    with_payload=fields,
                )
            yield from (point.payload for point in points)
            if place is None:
                return

    def _existing(self, client: Any, points: list[str]) -> list[str]:
        """Those of the points that there are."""
        if not self._known(client):
            return []
        found = client.retrieve(self.collection, points, with_payload=False)
        return [point.id for point in found]

    def _known(self, client: Any) -> dict[str, int]:
        """The lengths of the collection's vectors by name; {} if there is no collection."""
        if not self._dimensions and client.collection_exists(self.collection):
            vectors = client.get_collection(self.collection).config.params.vectors
            if not isinstance(vectors, Mapping):
                raise StoreError(f"the collection {self.collection!r} is not one of mmrerank's")
            self._dimensions = {name: own.size for name, own in vectors.items()}
        return self._dimensions

    def _prepare(self, client: Any, vectors: Mapping[str, Vector]) -> None:
        """Make the collection, and the names of these vectors in it, where they are missing."""
        from qdrant_client.models import (
            DenseVectorConfig,
            DenseVectorNameConfig,
            Distance,
            VectorParams,
        )

        if not self._known(client):
            client.create_collection(
                self.collection,
                vectors_config={
                    name: VectorParams(size=len(vector), distance=Distance.COSINE)
                    for name, vector in vectors.items()
                },
            )
        for name, vector in vectors.items():
            if name not in self._known(client):
                config = DenseVectorConfig(size=len(vector), distance=Distance.COSINE)
                client.create_vector_name(
                    self.collection, name, DenseVectorNameConfig(dense=config)
                )
                self._dimensions = {}
            self._check_length(name, vector)

    def _check_length(self, name: str, vector: Vector) -> None:
        known = self._dimensions.get(name, len(vector))
        if len(vector) != known:
            raise StoreError(
                f"the {name} vectors in {self.address} have {known} dimensions, this one has "
                f"{len(vector)}: use the embedder that they were made with, or another collection"
            )

    def _warn_if_large(self, client: Any) -> None:
        if self._is_server or self._is_warned:
            return
        if (count := client.count(self.collection).count) > MAX_LOCAL:
            self._is_warned = True
            warn(
                f"{self._connection.place} has {count:,} vectors: Qdrant without a server is meant for up to "
                f"{MAX_LOCAL:,}, and compares a query with each of them; use a server, or Chroma"
            )


def _having(name: str | None) -> Any:
    """The condition that a record has a vector of this name; None for no condition."""
    from qdrant_client.models import Filter, HasVectorCondition

    return None if name is None else Filter(must=[HasVectorCondition(has_vector=name)])


def _point(record: Record) -> Any:
    from qdrant_client.models import PointStruct

    return PointStruct(
        id=_point_id(record.id),
        vector={name: list(vector) for name, vector in record.vectors.items()},
        payload={"id": record.id, "text": record.text, "metadata": dict(record.metadata)},
    )


def _point_id(id_: str) -> str:
    """The id of a record's point: Qdrant takes numbers and UUIDs only."""
    digest = hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))
