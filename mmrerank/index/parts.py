"""The parts of an index, in its folder: opened together, with one kind of error for all."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmrerank.errors import RerankError, StoreError
from mmrerank.index.embedding import IndexEmbedder, IndexImageEmbedder
from mmrerank.index.image_vectors import ImageIndexer
from mmrerank.index.indexer import Indexer, options_hash
from mmrerank.index.ledger import Ledger
from mmrerank.index.reading import FileReader
from mmrerank.index.searcher import Searcher
from mmrerank.index.words import name_tokenizer
from mmrerank.index.writer import writing
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.embedder import Embedder

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

    ledger: Ledger
    store: ChromaStore
    embedder: IndexEmbedder
    image_embedder: IndexImageEmbedder
    searcher: Searcher
    image_root: Path

    def close(self) -> None:
        """Close the ledger, and free a model that was made by name. Safe to call twice."""
        self.ledger.close()
        self.image_embedder.close()
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
    image_embedder: Embedder | str | None,
) -> Parts:
    """The parts of the index in a folder, made if they are missing.

    `name` is the folder's for messages. Raises `StoreError`, also for other embedders than those
    of the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = ChromaStore(folder, create=True)
    ledger = Ledger(folder / LEDGER)
    try:
        texts = IndexEmbedder(embedder, ledger, name)
        images = IndexImageEmbedder(image_embedder, ledger, name, texts=texts)
    except BaseException:
        ledger.close()
        raise
    image_root = folder / IMAGES
    searcher = Searcher(ledger, store, texts, images, image_root)
    return Parts(ledger, store, texts, images, searcher, image_root)


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
        images = ImageIndexer(
            parts.ledger, writer, parts.store, parts.image_embedder, parts.image_root
        )
        indexer = Indexer(
            parts.ledger,
            writer,
            parts.store,
            parts.embedder,
            images,
            read=reader,
            options=lambda path: options_hash(reader.facts(path)),
        )
        if recover:
            parts.embedder.remember(writer)
            parts.image_embedder.remember(writer)
            name_tokenizer(parts.ledger, writer)
            indexer.recover()
        yield indexer


def _no_index(folder: Path, name: str) -> StoreError:
    """The error for a folder without an index: why there is none, and how to make one."""
    if ChromaStore.exists(folder):
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
