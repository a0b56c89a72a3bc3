"""The parts of an index, in its folder: opened together, with one kind of error for all."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmrerank.errors import RerankError, StoreError
from mmrerank.index.embedding import IndexEmbedder
from mmrerank.index.indexer import Indexer, options_hash
from mmrerank.index.reading import FileReader
from mmrerank.index.searcher import Searcher
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing
from mmrerank.index.vectors import IndexVectors
from mmrerank.index.words import name_tokenizer
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.stores import has_vectors
from mmrerank.retrieval.vector_store import VectorStore

__all__ = [
    "IMAGES",
    "LEDGER",
    "Parts",
    "empty_index",
    "has_ledger",
    "indexing",
    "open_parts",
    "typed_errors",
]

LEDGER = "ledger.sqlite3"
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Parts:
    """An open index: the ledger, the vectors, and what searches both."""

    ledger: SQLiteLedger
    vectors: IndexVectors
    embedder: IndexEmbedder
    searcher: Searcher

    def close(self) -> None:
        """Close the ledger and the store, and free a model that was made by name.

        Safe to call twice.
        """
        self.ledger.close()
        self.vectors.close()
        self.embedder.close()


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


def open_parts(
    folder: Path,
    name: str,
    embedder: TextEmbedder | str | None,
    vectors: VectorStore | str | None = None,
) -> Parts:
    """The parts of the index in a folder, made if they are missing.

    `name` is the folder's for messages. Raises `StoreError`, also for another embedder or another
    vector store than those of the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        path = folder / LEDGER
        ledger = opened.enter_context(closing(SQLiteLedger(path))) if path.is_file() else None
        own_vectors = opened.enter_context(closing(IndexVectors(vectors, ledger, folder, name)))
        if ledger is None:  # not before: it shall not be made if the store cannot be opened
            ledger = opened.enter_context(closing(SQLiteLedger(path)))
        own = IndexEmbedder(embedder, ledger, name)
        searcher = Searcher(ledger, own_vectors.store, own, folder / IMAGES)
        opened.pop_all()  # nothing failed: the parts close them
    return Parts(ledger, own_vectors, own, searcher)


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

    `timeout` and `on_wait` as for `mmrerank.index.writer.writing`. With `recover`, the notes of a
    new ledger are written and what a killed process left behind is removed first; without it,
    nothing is changed before the block. Raises `StoreError`.
    """
    with writing(parts.ledger, timeout=timeout, on_wait=on_wait) as writer:
        indexer = Indexer(
            parts.ledger,
            writer,
            parts.vectors.store,
            parts.embedder,
            read=reader,
            options=lambda path: options_hash(reader.facts(path)),
        )
        if recover:
            parts.vectors.remember(parts.ledger, writer)
            parts.embedder.remember(writer)
            name_tokenizer(parts.ledger, writer)
            indexer.recover()
        yield indexer


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
