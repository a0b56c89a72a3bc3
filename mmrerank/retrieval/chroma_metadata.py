"""Image references written into the metadata of a Chroma collection that others made.

Only metadata is written: texts and vectors stay, and nothing is embedded again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmrerank.errors import InvalidInputError, RerankError, StoreError
from mmrerank.images.refs import IMAGES_KEY
from mmrerank.retrieval.vector_store import in_batches

__all__ = ["write_images"]

_BATCH = 500  # records per call; Chroma refuses more than some thousands at once

_NODE_KEY = "_node_content"
"""Where LlamaIndex keeps a node as JSON, with its metadata a second time: it reads only that."""

_HIDDEN_KEYS = ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")


def write_images(store: object, metadata: Sequence[tuple[str | None, Mapping[str, Any]]]) -> int:
    """Write the `images` of documents, given with their ids; returns how many were changed.

    `store` is a chromadb collection, or the Chroma store of either framework. Documents without
    images are left alone. What is already there is not written again, so that a run which failed
    may be repeated.

    Raises `InvalidInputError` for documents without an id and other stores, `StoreError` where an
    id is not in the store (then nothing is written), or the store cannot be read or written.
    """
    wanted: dict[str, str] = {}
    for i, (id_, own) in enumerate(metadata):
        if not id_:
            raise InvalidInputError(
                f"documents[{i}] has no id, so that its place in the store is unknown; get "
                "documents from the store with their ids"
            )
        if own.get(IMAGES_KEY):
            wanted[id_] = str(own[IMAGES_KEY])
    with _typed_errors():
        collection = _collection(store)
        changes = _changes(collection, wanted)
        for ids in in_batches(list(changes), _BATCH):
            collection.update(ids=ids, metadatas=[changes[id_] for id_ in ids])
    return len(changes)


def _collection(store: object) -> Any:
    # Whoever has a store has imported chromadb. It is not required here, since settings that stop its
    # telemetry would make a second client of the caller differ from the first, which Chroma refuses.
    chromadb = sys.modules.get("chromadb")
    # LangChain's store has no public name for its collection; LlamaIndex's calls it `client`.
    candidates = (store, *(getattr(store, name, None) for name in ("client", "_collection")))
    for candidate in candidates:
        if chromadb is not None and isinstance(candidate, chromadb.Collection):
            return candidate
    raise InvalidInputError(
        f"store is a {type(store).__name__}; images can be written to a chromadb collection and to "
        "the Chroma stores of LangChain and LlamaIndex. For others, write the metadata of the "
        "documents that are returned"
    )


def _changes(collection: Any, wanted: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The metadata to write, by id: what differs from the store."""
    stored: dict[str, Mapping[str, Any]] = {}
    for ids in in_batches(list(wanted), _BATCH):
        rows = collection.get(ids=ids, include=["metadatas"])
        stored |= dict(zip(rows["ids"], (row or {} for row in rows["metadatas"]), strict=True))
    if missing := [id_ for id_ in wanted if id_ not in stored]:
        raise StoreError(
            f"{len(missing)} of {len(wanted)} documents are not in the store, the first is "
            f"{missing[0]!r}; nothing was written"
        )
    return {
        id_: _with_node({IMAGES_KEY: images}, stored[id_])
        for id_, images in wanted.items()
        if stored[id_].get(IMAGES_KEY) != images
    }


def _with_node(change: dict[str, str], stored: Mapping[str, Any]) -> dict[str, str]:
    """The change, and for a collection of LlamaIndex's the node that it keeps as JSON."""
    try:
        node = json.loads(stored[_NODE_KEY])
        node["metadata"] = {**node["metadata"], **change}
        for key in _HIDDEN_KEYS:
            node[key] = list(dict.fromkeys([*node.get(key, ()), *change]))
    except (KeyError, TypeError, ValueError):  # not a collection of LlamaIndex's
        return change
    return {**change, _NODE_KEY: json.dumps(node)}


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except RerankError:
        raise
    except Exception as error:  # Chroma raises its own errors, sqlite's and its Rust core's
        raise StoreError(f"images cannot be written to the store: {error}") from error
