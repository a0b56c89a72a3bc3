"""An index in a folder: what was read of files, found by words and by vectors, then reranked.

The folder holds `ledger.sqlite3` (which files and entries are live, and their words), a Chroma
collection named `mmrerank` (their vectors, texts and metadata, which both frameworks can read) and
`images/`. It knows neither framework.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from mmrerank.base import Reranker
from mmrerank.errors import DocumentError, RerankError, StoreError
from mmrerank.index.check import Problem, missing_index
from mmrerank.index.filters import Where
from mmrerank.index.hits import ROUTES, Hit
from mmrerank.index.indexer import Indexer, SyncReport, options_hash, remove_unused_images
from mmrerank.index.ledger import Entry, FileRecord, Ledger
from mmrerank.index.reading import FileReader
from mmrerank.index.scan import Paths, Scan, scan, several
from mmrerank.index.searcher import Search, Searcher, candidate_count, searchable
from mmrerank.index.writer import writing
from mmrerank.retrieval.base import TextEmbedder, default_embedder
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.types import Content

__all__ = ["Index"]

_LEDGER = "ledger.sqlite3"


class Index:
    """Files that can be searched, in a folder.

    `embedder` makes the text vectors; the default needs no model. An index remembers its embedder
    and refuses another. `ocr`: read words in images, and pages without a text layer; None does so
    if OCR is installed. `figures=False` makes no entry for each figure. `lock_timeout` is how many
    seconds to wait for another process that writes; `on_wait` is called when that begins.
    `loader_options` go to the loaders that take them.

    The folder is made when something is written. Raises `StoreError` if there is no index in the
    folder and `create` is False, or if it cannot be opened; `MissingDependencyError` if the extra
    `chroma` is not installed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        create: bool = True,
        embedder: TextEmbedder | None = None,
        ocr: bool | None = None,
        figures: bool = True,
        lock_timeout: float = 60.0,
        on_wait: Callable[[], object] | None = None,
        **loader_options: Any,
    ) -> None:
        self._name = os.fspath(folder)  # for messages
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a link keeps its own name
        self.image_root = self.folder / "images"
        self._embedder = embedder or default_embedder()
        self._reader = FileReader(self.image_root, ocr=ocr, figures=figures, options=loader_options)
        self._lock_timeout, self._on_wait = lock_timeout, on_wait
        self._parts: tuple[Ledger, ChromaStore, Searcher] | None = None
        self._is_closed = False
        if self.folder.is_file():
            raise StoreError(f"{self._name} is a file, not the folder of an index")
        if (self.folder / _LEDGER).is_file():
            self._open()
        elif not create:
            raise missing_index(self._name, has_vectors=ChromaStore.exists(self.folder))

    def _open(self) -> tuple[Ledger, ChromaStore, Searcher]:
        """The parts of the index, made if they are missing."""
        self._check_open()
        if self._parts is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            store = ChromaStore(self.folder, create=True)
            ledger = Ledger(self.folder / _LEDGER)
            searcher = Searcher(ledger, store, self._embedder, self.image_root)
            self._parts = ledger, store, searcher
            known, ours = ledger.note("embedder"), self._embedder_facts()
            if known not in (None, ours):
                self.close()
                raise StoreError(
                    f"the index in {self._name} was made with other embeddings ({known}); these "
                    f"are {ours}: use the same embedder, or another folder"
                )
        return self._parts

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"the index in {self._name} is closed; open it again: Index(folder)")

    def _embedder_facts(self) -> str:
        vector = self._embedder.embed_query("probe of an embedder")
        values = ", ".join(f"{value:.4f}" for value in vector[:4])
        return f"{type(self._embedder).__name__}, {len(vector)} dimensions, {values}, ..."

    def close(self) -> None:
        """Close the ledger; the index cannot be used any more. Safe to call twice."""
        self._is_closed = True
        if self._parts is not None:
            self._parts[0].close()
            self._parts = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many entries there are: chunks and figures."""
        self._check_open()
        return 0 if self._parts is None else len(self._parts[0])

    def files(self) -> list[FileRecord]:
        """The files of the index, ordered by path."""
        self._check_open()
        return [] if self._parts is None else self._parts[0].files()

    def entries(self, path: str | os.PathLike[str]) -> list[Entry]:
        """The entries of a file; [] for a file that is not in the index."""
        self._check_open()
        return [] if self._parts is None else self._parts[0].entries(_absolute(path))

    # -- writing

    def sync(
        self,
        paths: str | os.PathLike[str] | Paths,
        *,
        verify: bool = False,
        show_progress: bool = False,
    ) -> SyncReport:
        """Make the index equal to the files and folders in `paths`.

        New and changed files are read. Files that were in one of these folders and are gone are
        removed, with the images that nothing refers to any more. A file is unchanged, and not even
        parsed, if its size, modification time and options are; `verify` compares the content.
        Files that cannot be read are in the report, and what the index has of them stays. Other
        files of the index are left alone.

        Raises `DocumentError` for a path that does not exist, `StoreError` if the index cannot be
        written, or another process keeps writing to it.
        """
        found = scan(paths, exclude=self.folder)
        with self._writing() as indexer:
            report = indexer.sync(found, verify=verify, show_progress=show_progress)
            if report.changed or report.removed:
                report.images_removed = self._remove_unused_images()
        return report

    def add(
        self, paths: str | os.PathLike[str] | Paths, *, show_progress: bool = False
    ) -> SyncReport:
        """As `sync`, but nothing is removed. Raises the same errors."""
        found = scan(paths, exclude=self.folder)
        with self._writing() as indexer:
            only_files = Scan(files=found.files, skipped=found.skipped, unreadable=found.unreadable)
            return indexer.sync(only_files, show_progress=show_progress)

    def remove(self, paths: str | os.PathLike[str] | Paths) -> list[str]:
        """Remove files from the index, not from the disk; a folder stands for all files below it.

        Returns the paths that were removed. Raises `DocumentError` for one that is not in the
        index, and `StoreError` as `sync`.
        """
        known = [record.path for record in self.files()]
        removed: list[str] = []
        for name in several(paths):
            below = [path for path in known if Path(path).is_relative_to(_absolute(name))]
            if not below:
                raise DocumentError(os.fspath(name), "is not in the index")
            removed += below
        with self._writing() as indexer:
            for path in dict.fromkeys(removed):
                indexer.remove(path)
            self._remove_unused_images()
        return list(dict.fromkeys(removed))

    def check(self, *, mend: bool = False) -> list[Problem]:
        """What is wrong with the index; with `mend`, what was wrong before it was mended.

        Mending writes a lost ledger from the vectors, deletes vectors that belong to nothing, and
        marks files whose vectors or images are missing, so that the next `sync` reads them again.
        Raises `StoreError` if the index cannot be read or written at all.
        """
        has_ledger = (self.folder / _LEDGER).is_file()
        with self._writing(recover=mend) as indexer:
            return indexer.check(self.image_root, mend=mend, adopt_vectors=not has_ledger)

    def _remove_unused_images(self) -> int:
        return remove_unused_images(self.image_root, self._open()[0].images())

    @contextmanager
    def _writing(self, *, recover: bool = True) -> Iterator[Indexer]:
        with self._typed_errors("written"):
            ledger, store, _ = self._open()
            with writing(ledger, timeout=self._lock_timeout, on_wait=self._on_wait) as writer:
                if ledger.note("embedder") is None:
                    writer.set_note("embedder", self._embedder_facts())
                options = options_hash(self._reader.facts())
                indexer = Indexer(
                    ledger, writer, store, self._embedder, read=self._reader, options=options
                )
                if recover:
                    indexer.recover()
                yield indexer

    # -- searching

    def search(
        self,
        query: str | Content,
        reranker: Reranker | None = None,
        *,
        top_n: int = 5,
        fetch_k: int = 50,
        where: Where | None = None,
        routes: Sequence[str] = ROUTES,
    ) -> list[Hit]:
        """The best `top_n` of the `fetch_k` candidates that the routes find.

        Without a reranker, the candidates in the order of the routes' fused ranks. A figure and the
        chunk that cites it are one result. `where`: see `mmrerank.index.filters`. `routes`:
        "words", "vectors" or both. A missing image is left out with a `RerankWarning`.

        Raises `InvalidInputError` for an empty query or options that cannot be used, `StoreError`
        if the index is empty or cannot be searched, and what the reranker raises.
        """
        return self._search(query, reranker, top_n, fetch_k, where, routes).hits()

    async def asearch(
        self,
        query: str | Content,
        reranker: Reranker | None = None,
        *,
        top_n: int = 5,
        fetch_k: int = 50,
        where: Where | None = None,
        routes: Sequence[str] = ROUTES,
    ) -> list[Hit]:
        """As `search`, without blocking the event loop."""
        options = (query, reranker, top_n, fetch_k, where, routes)
        return await (await asyncio.to_thread(self._search, *options)).ahits()

    def _search(
        self,
        query: str | Content,
        reranker: Reranker | None,
        top_n: int,
        fetch_k: int,
        where: Where | None,
        routes: Sequence[str],
    ) -> Search:
        """A search with its candidates, before reranking."""
        content = searchable(query)
        k = candidate_count(top_n, fetch_k)
        if not len(self):
            raise StoreError(
                f"the index in {self._name} is empty; "
                f"add files with: mmrerank index FILES... --store {self._name}"
            )
        searcher = self._open()[2]
        with self._typed_errors("searched"):
            found = searcher.candidates(content, k, where=where, routes=routes)
        return searcher.prepare(content, found, top_n, reranker)

    def contents(self, entries: Iterable[Entry]) -> list[Content]:
        """Entries as `search` passes them to a reranker, so that it can be warmed with them."""
        return [content for content, _ in self._open()[2].contents(entries)]

    @contextmanager
    def _typed_errors(self, what: str) -> Iterator[None]:
        """A vector store's own errors, and a disk's, as a `StoreError` that says what failed."""
        try:
            yield
        except RerankError:
            raise
        except Exception as error:
            raise StoreError(f"the index in {self._name} cannot be {what}: {error}") from error


def _absolute(path: str | os.PathLike[str]) -> str:
    """A path as the ledger has it: absolute, but links keep their own names."""
    return os.path.abspath(path)  # noqa: PTH100
