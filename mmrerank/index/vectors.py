"""The vector store of an index: the same as when the index was made."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import urldefrag

from mmrerank.errors import InvalidInputError, StoreError
from mmrerank.index.ledger import Ledger
from mmrerank.index.writer import Writer
from mmrerank.retrieval.stores import DEFAULT_STORE, has_vectors, open_store, store_for
from mmrerank.retrieval.vector_store import VectorStore

__all__ = ["IndexVectors"]

_NOTE = "vectors"  # of the ledger


class IndexVectors:
    """Opens the vector store of one index, and refuses any other.

    `ledger` is None for an index that is not made yet. `given` is a store, or a name that `store_name` has checked; None stands for the store that the
    index remembers, or that has vectors in its folder, or else the default. `shown` is the folder's
    name for messages. Raises `StoreError` for another store than that of the index, and where the
    index was made with an object that has to be given again.
    """

    def __init__(
        self, given: VectorStore | str | None, ledger: Ledger | None, folder: Path, shown: str
    ) -> None:
        self._shown = shown
        known = (ledger and ledger.note(_NOTE)) or has_vectors(folder)
        self._is_ours = given is None or isinstance(given, str)  # then we close it
        if given is None:
            self._name = known or DEFAULT_STORE
            self.store: VectorStore = self._remembered(folder)
            return
        self._name = store_for(given, folder) if isinstance(given, str) else _name_of(given)
        self._check(known)
        self.store = open_store(self._name, folder) if isinstance(given, str) else given

    def remember(self, ledger: Ledger, writer: Writer) -> None:
        """Note the store of a new index, and the new address of a server that has moved.

        Raises `StoreError` if another process has made the index with another store meanwhile.
        """
        known = ledger.note(_NOTE)
        self._check(known)
        if known != self._name:
            writer.set_note(_NOTE, self._name)

    def close(self) -> None:
        """Close a store that was opened here. Safe to call twice."""
        if self._is_ours:
            with contextlib.suppress(AttributeError):  # Chroma has nothing to close
                self.store.close()  # type: ignore[attr-defined]

    def _remembered(self, folder: Path) -> VectorStore:
        try:
            return open_store(self._name, folder)
        except InvalidInputError as error:  # the index was made with an object
            raise StoreError(
                f"the vectors of the index in {self._shown} are in {self._name}, which is opened "
                f"with Index(folder, vectors=...): {error}"
            ) from error

    def _check(self, known: str | None) -> None:
        if known is not None and _identity(known) != _identity(self._name):
            raise StoreError(
                f"the vectors of the index in {self._shown} are in {known}, not in {self._name}: "
                "leave the vector store out, or use another folder"
            )


def _name_of(store: VectorStore) -> str:
    """What an index remembers of a store that it was given: its address, or its class."""
    return str(getattr(store, "address", type(store).__name__))


def _identity(name: str) -> str:
    """What stays the same where a server gets another address: the collection."""
    return urldefrag(name).fragment if "://" in name else name
