"""An index: the contents of files, searched by words and by vectors, then reranked.

A folder holds `ledger.sqlite3` (which files and entries are live, and their words), `images/`, and a
Chroma collection `mmrerank` (vectors, texts and metadata, which both frameworks can read).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, Self, Unpack

from mmrerank.base import Reranker
from mmrerank.errors import RerankError, StoreError
from mmrerank.index.captions import CaptionReport, ask_for_captions, images_without_caption
from mmrerank.index.check import Problem
from mmrerank.index.hits import Hit, Stages
from mmrerank.index.homes import index_home
from mmrerank.index.indexer import Indexer
from mmrerank.index.lance.storage import Storage
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.parts import Parts, empty_index, indexing, typed_errors
from mmrerank.index.reading import FileReader, MetadataOf
from mmrerank.index.report import SyncReport
from mmrerank.index.scan import Paths, absolute, known_files, named_paths, scan
from mmrerank.index.search import Query, Search, SearchOptions, SearchSettings, searchable
from mmrerank.index.sqlite_ledger import IMAGES
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.embedder import Embedder
from mmrerank.retrieval.embedders import named, named_image_embedder
from mmrerank.retrieval.vector_store import VectorStore
from mmrerank.types import Content

if TYPE_CHECKING:
    from mmrerank.captioning import CaptionCost, Captioner

__all__ = ["Index"]


class Index:
    """Files that can be searched, in a folder or, with LanceDB, at a URL: `s3://bucket/prefix`.

    `embedder` makes the text vectors: an object, or a name such as "qwen3=PATH" (see
    `mmrerank.retrieval.embedders`). An index refuses any embedder but its own. It remembers one that
    was given by name; None stands for that one, or for the default, which needs no model.
    `image_embedder` makes vectors of images, so that they can be found by what they show; it may be
    added to an index at any time, and the next `sync` embeds the images. `vectors` keeps the vectors
    of an index in a folder: an object, a name, or a server's URL (see `mmrerank.retrieval.stores`),
    remembered and refused likewise; a new index takes Chroma. `ocr`:
    read words in images, and pages without a text layer; None does so if OCR is installed.
    `figures=False` makes no entries for figures. `lock_timeout` is how many seconds to wait for
    another process that writes; `on_wait` is called when the wait begins. `metadata` is called
    with the path of each file, and returns metadata of your own (text, numbers, booleans) for
    `where`; a file whose metadata changed is read again. `storage` says how a
    URL is reached (see `mmrerank.index.lance.storage`). `loader_options` go to the loaders that take
    them.

    `folder` of an index at a URL has copies of its images. The folder is made when something is written. Raises `StoreError` if there is no index in the
    folder and `create` is False, or if it cannot be opened; `MissingDependencyError` if the extra
    `chroma` (at a URL: `lancedb`) is not installed; `InvalidInputError` for an unknown name of an embedder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        create: bool = True,
        embedder: TextEmbedder | str | None = None,
        image_embedder: Embedder | str | None = None,
        vectors: VectorStore | str | None = None,
        ocr: bool | None = None,
        figures: bool = True,
        lock_timeout: float = 60.0,
        on_wait: Callable[[], object] | None = None,
        metadata: MetadataOf | None = None,
        storage: Storage | None = None,
        **loader_options: Any,
    ) -> None:
        self._home = index_home(folder, storage, vectors)
        self._name, self.folder = self._home.name, self._home.folder
        self.image_root = self.folder / IMAGES
        self._embedders = named(embedder), named_image_embedder(image_embedder)
        self._reader = FileReader(
            self.image_root, ocr=ocr, figures=figures, metadata=metadata, options=loader_options
        )
        self._lock_timeout, self._on_wait = lock_timeout, on_wait
        self._parts: Parts | None = None
        self._is_closed = False
        if self._home.is_there(required=not create):
            self._open()

    def _open(self) -> Parts:
        """The parts of the index, made if they are missing."""
        self._check_open()
        if self._parts is None:
            self._parts = self._home.opened(*self._embedders, self._lock_timeout, self._on_wait)
        return self._parts

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"the index in {self._name} is closed; open it again: Index(folder)")

    def close(self) -> None:
        """Close the ledger, and free a model that was made by name. Safe to call twice.

        The index cannot be used any more.
        """
        self._is_closed = True
        if self._parts is not None:
            self._parts.close()
            self._parts = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many entries there are: chunks and figures."""
        self._check_open()
        return 0 if self._parts is None else len(self._parts.ledger)

    def files(self) -> list[FileRecord]:
        """The files of the index, ordered by path."""
        self._check_open()
        return [] if self._parts is None else self._parts.ledger.files()

    def entries(self, path: str | os.PathLike[str]) -> list[Entry]:
        """The entries of a file; [] for a file that is not in the index."""
        self._check_open()
        return [] if self._parts is None else self._parts.ledger.entries(absolute(path))

    # -- writing

    def sync(
        self, paths: Paths, *, verify: bool = False, show_progress: bool = False
    ) -> SyncReport:
        """Make the index equal to the files and folders in `paths`.

        New and changed files are read. Files that were in one of these folders and are gone are
        removed, with the images that nothing refers to any more. The cached words in images, which
        all indexes share, are removed when nobody has used them for 60 days. A file counts as
        unchanged, and is not even parsed, if its size, modification time and options are the same;
        `verify` compares the content. Files that cannot be read are in the report, and their
        entries stay. Other files of the index are left alone.

        Raises `DocumentError` for a path that does not exist, `StoreError` if the index cannot be
        written, or another process keeps writing to it.
        """
        return self._sync(paths, removes=True, verify=verify, show_progress=show_progress)

    def _sync(
        self, paths: Paths, *, removes: bool, verify: bool, show_progress: bool
    ) -> SyncReport:
        named = named_paths(paths, exclude=self.folder)
        with self._writing() as indexer:
            # Not before: another writer may have been waited for, and has added files meanwhile.
            found = scan(named, exclude=self.folder)
            if not removes:
                found = replace(found, folders=[], folders_without_files=[])
            report = indexer.sync(found, verify=verify, show_progress=show_progress)
            if report.changed or report.removed:
                report.images_removed = indexer.remove_unused_images()
            indexer.embed_missing_images(show_progress=show_progress)
            indexer.look_at_pictures(self.image_root, show_progress=show_progress)
        self._reader.remove_unused_words()
        return report

    def watch(
        self,
        paths: Paths,
        *,
        on_error: Callable[[RerankError], object] | None = None,
        stop: Event | None = None,
    ) -> Iterator[SyncReport]:
        """Sync now and after each change, without end; the report of each sync.

        Needs the extra `watch`. `on_error` and `stop`: see `mmrerank.index.watch`.
        """
        from mmrerank.index.watch import watch

        return watch(self.sync, paths, exclude=self.folder, on_error=on_error, stop=stop)

    def add(self, paths: Paths, *, show_progress: bool = False) -> SyncReport:
        """As `sync`, but no file is removed. Raises the same errors."""
        return self._sync(paths, removes=False, verify=False, show_progress=show_progress)

    def remove(self, paths: Paths) -> list[str]:
        """Remove files from the index, not from the disk; a folder stands for all files below it.

        Returns the paths that were removed. Raises `DocumentError` for one that is not in the
        index, and `StoreError` as `sync`.
        """
        removed = known_files(paths, [record.path for record in self.files()])
        with self._writing() as indexer:
            for path in removed:
                indexer.remove(path)
            indexer.remove_unused_images()
            indexer.look_at_pictures(self.image_root)
        return removed

    def check(self, *, mend: bool = False) -> list[Problem]:
        """What is wrong with the index; with `mend`, what was wrong before it was mended.

        Mending writes a lost ledger from the vectors, deletes vectors that belong to nothing, and
        marks files whose vectors or images are missing, so that the next `sync` reads them again.
        Raises `StoreError` if the index cannot be read or written at all.
        """
        with self._writing(recover=mend) as indexer:
            return indexer.check(mend=mend)

    def caption(self, captioner: Captioner, *, show_progress: bool = False) -> CaptionReport:
        """Ask for a caption of each image that has none from this captioner; call `sync` first.

        If a call is interrupted, the next one continues. Raises as `sync` and `Captioner.caption`.
        """
        ledger = self._open().ledger
        found = ask_for_captions(ledger, self.image_root, captioner, show_progress=show_progress)
        with self._writing() as indexer:
            indexer.write_captions(found, captioner)
        return CaptionReport.of(found, unchanged=len(ledger.images()) - len(found))

    def caption_cost(self, captioner: Captioner) -> CaptionCost:
        """What `caption` would cost. Nothing is sent."""
        images = images_without_caption(self._open().ledger, self.image_root, captioner)
        return captioner.cost(images.values())

    @contextmanager
    def _writing(self, *, recover: bool = True) -> Iterator[Indexer]:
        with typed_errors(self._name, "written"):
            parts, timeout, on_wait = self._open(), self._lock_timeout, self._on_wait
            with indexing(parts, self._reader, timeout, on_wait, recover=recover) as indexer:
                yield indexer

    # -- searching

    def search(
        self, query: Query, reranker: Reranker | None = None, **options: Unpack[SearchOptions]
    ) -> list[Hit]:
        """The best `top_n` (5) of the `fetch_k` candidates (50) that the routes find.

        The query may have images (`Content`). Without a reranker, the candidates come in the order
        of the routes' fusion; so they do, with a `RerankWarning`, if the query is only an image and
        the reranker reads none. A figure and the chunk that cites it are one result. `where`: see
        `mmrerank.index.filters`. `routes`: "words", "vectors", "captions" (see `caption`) and
        "images", by default all that the index has; a mapping gives them weights other than 1, as
        `{"words": 2, "vectors": 1}`. `fusion`: by "ranks", or by normalised "scores"
        (`mmrerank.index.rank_fusion`). A missing image of an entry is left out with a
        `RerankWarning`. `rerank_captions` lets the reranker read generated captions of figures too.

        Raises `InvalidInputError` for an empty query, one that no route can read
        (`UnsupportedModalityError`) and options that cannot be used, `ImageError` for an image of
        the query that cannot be used, `StoreError` if the index is empty or cannot be searched, and
        what the embedders and the reranker raise.
        """
        return self._search(query, reranker, SearchSettings(**options)).hits()

    async def asearch(
        self, query: Query, reranker: Reranker | None = None, **options: Unpack[SearchOptions]
    ) -> list[Hit]:
        """As `search`, without blocking the event loop."""
        settings = SearchSettings(**options)
        return await (await asyncio.to_thread(self._search, query, reranker, settings)).ahits()

    def stages(
        self, query: Query, reranker: Reranker | None = None, **options: Unpack[SearchOptions]
    ) -> Stages:
        """As `search`, with what was found before reranking, and the time of each stage."""
        return self._search(query, reranker, SearchSettings(**options)).stages()

    async def astages(
        self, query: Query, reranker: Reranker | None = None, **options: Unpack[SearchOptions]
    ) -> Stages:
        """As `stages`, without blocking the event loop."""
        settings = SearchSettings(**options)
        return await (await asyncio.to_thread(self._search, query, reranker, settings)).astages()

    def _search(self, query: Query, reranker: Reranker | None, settings: SearchSettings) -> Search:
        """A search with its candidates, before reranking."""
        content = searchable(query)
        self._check_open()
        # Counted as last seen, and again if there was nothing: what is at a URL is asked only then.
        if self._parts is None or not (self._parts.ledger.count("entries") or len(self)):
            raise empty_index(self._name)
        with typed_errors(self._name, "searched"):
            return self._open().searcher.search(content, settings, reranker)

    def contents(self, entries: Iterable[Entry]) -> list[Content]:
        """Entries as `search` passes them to a reranker, so that it can be warmed with them."""
        return [content for content, _ in self._open().searcher.contents(entries)]
