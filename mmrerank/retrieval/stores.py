"""Every vector store, one row each: the names that an index and the command line take.

A store is named by a word (`chroma`), or by the address of a server (`http://host:6333`, with
`#collection` where a collection other than the index's own is meant). A new store is a row in
`STORES`, and the function that opens it.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag

from mmrerank.errors import InvalidInputError
from mmrerank.retrieval.vector_store import VectorStore

__all__ = [
    "DEFAULT_STORE",
    "STORES",
    "StoreRow",
    "checked_store",
    "has_vectors",
    "open_store",
    "store_for",
]

DEFAULT_STORE = "chroma"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """One store. `name` is a word, or the beginnings of addresses, separated by `|`.

    `opened` makes the store, for the folder of an index and the name that was given. `file` is
    what the store keeps in that folder, relative to it; empty for one that keeps nothing there.
    """

    name: str
    about: str
    opened: Callable[[Path, str], VectorStore]
    file: str = ""

    def takes(self, name: str) -> bool:
        """Is this the store of that name?"""
        if "://" in self.name:
            return name.startswith(tuple(self.name.split("|")))
        return name == self.name


def _chroma(folder: Path, _: str) -> VectorStore:
    from mmrerank.retrieval.chroma import ChromaStore

    return ChromaStore(folder, create=True)


def _qdrant(folder: Path, _: str) -> VectorStore:
    from mmrerank.retrieval.qdrant import QdrantStore

    return QdrantStore(folder=folder / "qdrant")


def _qdrant_server(_: Path, name: str) -> VectorStore:
    from mmrerank.retrieval.qdrant import QdrantStore

    url, collection = urldefrag(name)
    return QdrantStore(url, collection=collection)


STORES = (
    StoreRow(
        name="chroma",
        about="Chroma, in the index's folder",
        opened=_chroma,
        file="chroma.sqlite3",
    ),
    StoreRow(
        name="qdrant",
        about="Qdrant in the index's folder: one process, up to 5,000 entries",
        opened=_qdrant,
        file="qdrant/meta.json",
    ),
    StoreRow(
        name="http://|https://",
        about="a Qdrant server; its key is taken from QDRANT_API_KEY",
        opened=_qdrant_server,
    ),
)
"""Every store, in the order in which the command line lists them."""


def checked_store(store: VectorStore | str | None) -> VectorStore | str | None:
    """A store, or its name. Raises `InvalidInputError` for anything else, and unknown names."""
    if isinstance(store, str):
        _row(store)
    elif store is not None and not hasattr(store, "upsert"):
        raise InvalidInputError(f"vectors is a {type(store).__name__}, not a vector store")
    return store


def store_for(name: str, folder: Path) -> str:
    """A checked name as the index in a folder remembers it: a server's with a collection.

    The collection is the index's own unless the name has one, so that indexes on one server do not
    mix. It depends on the machine and the folder, so that an index whose ledger is lost finds it.
    """
    if "://" not in name or urldefrag(name).fragment:
        return name
    own = hashlib.sha256(f"{platform.node()}:{folder}".encode("utf-8", "surrogatepass"))
    return f"{urldefrag(name).url.rstrip('/')}#mmrerank-{own.hexdigest()[:12]}"


def open_store(name: str, folder: Path) -> VectorStore:
    """The store of a name, for the index in a folder; made if it is missing.

    Raises `InvalidInputError` for an unknown name, and what the store's class raises.
    """
    return _row(name).opened(folder, name)


def has_vectors(folder: Path) -> str | None:
    """The name of the store that has vectors in a folder; None if none has."""
    return next((row.name for row in STORES if row.file and (folder / row.file).is_file()), None)


def _row(name: str) -> StoreRow:
    for row in STORES:
        if row.takes(name):
            return row
    raise InvalidInputError(f"vector stores are {names()}, not {name!r}")


def names() -> str:
    """The names of all stores, for people."""
    return ", ".join("URL" if "://" in row.name else row.name for row in STORES)
