"""The parts of an index, in its folder: opened together, with one kind of error for all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from mmrerank.errors import RerankError, StoreError
from mmrerank.index.embedding import IndexEmbedder, IndexImageEmbedder
from mmrerank.index.image_vectors import ImageIndexer
from mmrerank.index.indexer import Indexer, options_hash
from mmrerank.index.ledger import Ledger
from mmrerank.index.reading import FileReader
from mmrerank.index.searcher import Searcher
from mmrerank.index.sqlite_ledger import IMAGES, SQLiteLedger
from mmrerank.index.sqlite_writer import writing
from mmrerank.index.vectors import IndexVectors
from mmrerank.index.words import name_tokenizer, renew_words
from mmrerank.index.writer import Writer
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.embedder import Embedder
from mmrerank.retrieval.stores import has_vectors
from mmrerank.retrieval.vector_store import VectorStore

__all__ = [
    "LEDGER",
    "FolderHome",
    "Home",
    "OnWait",
    "Parts",
    "Writing",
    "empty_index",
    "has_ledger",
    "indexer_for",
    "indexing",
    "joined_parts",
    "typed_errors",
]

LEDGER = "ledger.sqlite3"

OnWait = Callable[[], object] | None

Writing = Callable[[float, OnWait], AbstractContextManager[Writer]]
"""A writer until the end of a block; seconds to wait for another one, and what is called then."""


@dataclass(frozen=True, slots=True)
class Parts:
    """An open index: the ledger, the vectors, and what searches both.

    `vectors` is what remembers which store has the vectors; None where there is no choice.
    """

    ledger: Ledger
    store: VectorStore
    embedder: IndexEmbedder
    image_embedder: IndexImageEmbedder
    searcher: Searcher
    image_root: Path
    writing: Writing
    vectors: IndexVectors | None = None

    def close(self) -> None:
        """Close the ledger and the store, and free a model that was made by name.

        Safe to call twice.
        """
        self.ledger.close()
        if self.vectors is not None:
            self.vectors.close()
        self.image_embedder.close()
        self.embedder.close()


class Home(Protocol):
    """Where an index is: in a folder, or at a URL.

    `name` is for messages; `folder` is the local folder with the index, or with copies of it.
    """

    name: str
    folder: Path

    def is_there(self, *, required: bool) -> bool:
        """Is there an index? Raises `StoreError` where it is `required` or cannot be looked at."""

    def opened(
        self,
        embedder: TextEmbedder | str | None,
        image_embedder: Embedder | str | None,
        timeout: float,
        on_wait: OnWait,
    ) -> Parts:
        """The parts, made if they are missing; `timeout` and `on_wait` as for `writing`.

        Raises `StoreError`, also for other embedders than those of the index.
        """


class FolderHome:
    """An index in a folder: a ledger in SQLite, images, and vectors in a store of your choice."""

    def __init__(self, name: str, vectors: VectorStore | str | None = None) -> None:
        self.name, self._vectors = name, vectors
        self.folder = Path(os.path.abspath(name))  # noqa: PTH100 - a link keeps its own name

    def is_there(self, *, required: bool) -> bool:
        """See `Home`."""
        return has_ledger(self.folder, self.name, required=required)

    def opened(
        self,
        embedder: TextEmbedder | str | None,
        image_embedder: Embedder | str | None,
        timeout: float,
        on_wait: OnWait,
    ) -> Parts:
        """See `Home`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LEDGER
        with ExitStack() as opened:
            ledger = opened.enter_context(closing(SQLiteLedger(path))) if path.is_file() else None
            vectors = IndexVectors(self._vectors, ledger, self.folder, self.name)
            opened.enter_context(closing(vectors))
            if ledger is None:  # not before: it shall not be made if the store cannot be opened
                ledger = opened.enter_context(closing(SQLiteLedger(path)))
            parts = joined_parts(
                self, ledger, vectors.store, embedder, image_embedder, partial(_writing, ledger)
            )
            renew_words(ledger, timeout=timeout, on_wait=on_wait)
            opened.pop_all()  # nothing failed: the parts close them
        return replace(parts, vectors=vectors)


def _writing(
    ledger: SQLiteLedger, timeout: float, on_wait: OnWait
) -> AbstractContextManager[Writer]:
    return writing(ledger, timeout=timeout, on_wait=on_wait)


def joined_parts(
    home: Home,
    ledger: Ledger,
    store: VectorStore,
    embedder: TextEmbedder | str | None,
    image_embedder: Embedder | str | None,
    writing: Writing,
) -> Parts:
    """The parts of an index. Raises `StoreError` for other embedders than those of the index."""
    texts = IndexEmbedder(embedder, ledger, home.name)
    images = IndexImageEmbedder(image_embedder, ledger, home.name, texts=texts)
    image_root = home.folder / IMAGES
    searcher = Searcher(ledger, store, texts, images, image_root)
    return Parts(ledger, store, texts, images, searcher, image_root, writing)


def has_ledger(folder: Path, name: str, *, required: bool = False) -> bool:
    """Has the folder, which may be missing, the ledger of an index?

    `name` is the folder's for messages. Raises `StoreError` for what cannot be a folder, cannot be
    looked at, or has no index although one is `required`.
    """
    with typed_errors(name, "opened"):
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise StoreError(f"{name} is a file, not the folder of an index")
            is_there = (folder / LEDGER).is_file()
        except FileNotFoundError:
            is_there = False
        if required and not is_there:
            raise _no_index(folder, name)
        return is_there


def empty_index(name: str) -> StoreError:
    """The error for an index without entries."""
    return StoreError(
        f"the index in {name} is empty; add files with: mmrerank index FILES... --store {name}"
    )


@contextmanager
def indexing(
    parts: Parts,
    reader: FileReader,
    timeout: float,
    on_wait: Callable[[], object] | None,
    *,
    recover: bool,
) -> Iterator[Indexer]:
    """An indexer, which is the one writer of the index until the end of the block.

    `timeout` and `on_wait` as for `Writing`. With `recover`, the notes of a
    new ledger are written and what a killed process left behind is removed first; without it,
    nothing is changed before the block. Raises `StoreError`.
    """
    with parts.writing(timeout, on_wait) as writer:
        indexer = indexer_for(parts, reader, writer)
        if recover:
            if parts.vectors is not None:
                parts.vectors.remember(parts.ledger, writer)
            parts.embedder.remember(writer)
            parts.image_embedder.remember(writer)
            name_tokenizer(parts.ledger, writer)
            indexer.recover()
        yield indexer


def indexer_for(parts: Parts, reader: FileReader, writer: Writer) -> Indexer:
    """The indexer of a writer."""
    images = ImageIndexer(parts.ledger, writer, parts.store, parts.image_embedder, parts.image_root)
    return Indexer(
        parts.ledger,
        writer,
        parts.store,
        parts.embedder,
        images,
        read=reader,
        options=lambda path: options_hash(reader.facts(path)),
    )


def _no_index(folder: Path, name: str) -> StoreError:
    """The error for a folder without an index: why there is none, and how to make one."""
    if has_vectors(folder):
        return StoreError(
            f"the index in {name} has no ledger: an older version made it, or the file "
            f"was lost; mend it with: mmrerank check --mend --store {name}"
        )
    return StoreError(
        f"there is no index in {name}; make one with: mmrerank index FILES... --store {name}"
    )


@contextmanager
def typed_errors(name: str, what: str) -> Iterator[None]:
    """A vector store's own errors, and a disk's, as a `StoreError` that says what failed."""
    try:
        yield
    except RerankError:
        raise
    except Exception as error:
        raise StoreError(f"the index in {name} cannot be {what}: {error}") from error
