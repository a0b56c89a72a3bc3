"""An index in a folder: what was read of files, found by words and by vectors, then reranked.

The folder holds `ledger.sqlite3` (which files and entries are live, and their words), a Chroma
collection named `mmrerank` (their vectors, texts and metadata, which both frameworks can read) and
`images/`. It knows neither framework.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from mmrerank.base import Reranker, check_query
from mmrerank.errors import DocumentError, InvalidInputError, StoreError
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.check import Problem
from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.filters import Where, matcher
from mmrerank.index.hits import Hit, HitImage
from mmrerank.index.indexer import Indexer, SyncReport, options_hash, remove_unused_images
from mmrerank.index.ledger import Entry, FileRecord, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.reading import FileReader
from mmrerank.index.routes import Found, Route, TextVectorRoute, WordRoute, find
from mmrerank.index.scan import Scan, scan
from mmrerank.ocr.bm25 import WordStatistics
from mmrerank.ocr.words import loader_facts
from mmrerank.retrieval.base import TextEmbedder, default_embedder
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.vector_store import VectorStore
from mmrerank.types import Content, Image

__all__ = ["Index"]

_LEDGER = "ledger.sqlite3"
_ROUTES = ("words", "vectors")
Paths = Iterable[str | os.PathLike[str]]


class Index:
    """Files that can be searched, in a folder.

    `embedder` makes the text vectors; the default needs no model. An index remembers its embedder
    and refuses another. `figures=False` makes no entries of figures of their own. `lock_timeout` is
    how many seconds to wait for another process that writes; `on_wait` is called when that begins.
    `loader_options` go to the loaders that have them.

    Raises `StoreError` where there is no index in the folder and `create` is False, or where it
    cannot be opened; `MissingDependencyError` where the extra `chroma` is not installed.
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
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a link's own name is kept
        self.image_root = self.folder / "images"
        self._embedder = embedder or default_embedder()
        self._reader = FileReader(self.image_root, ocr=ocr, figures=figures, options=loader_options)
        self._wait = functools.partial(Ledger.writing, timeout=lock_timeout, on_wait=on_wait)
        self._check_folder(create=create)
        self._epoch = -1
        self._open_parts: tuple[Ledger, VectorStore] | None = None
        if (self.folder / _LEDGER).is_file():
            self._parts()

    def _check_folder(self, *, create: bool) -> None:
        if self.folder.is_file():
            raise StoreError(f"{self.folder} is a file, not the folder of an index")
        has_ledger, has_vectors = (self.folder / _LEDGER).is_file(), ChromaStore.exists(self.folder)
        if has_ledger or create:
            return
        if has_vectors:
            raise StoreError(
                f"the index in {self.folder} has no ledger, because an older version made it or the "
                f"file was lost; mend it with: mmrerank check --mend --store {self.folder}"
            )
        raise StoreError(
            f"there is no index in {self.folder}; "
            f"make one with: mmrerank index FILES... --store {self.folder}"
        )

    def _parts(self) -> tuple[Ledger, VectorStore]:
        """The ledger and the vector store, made on first use."""
        if self._open_parts is None:
            store = ChromaStore(self.folder, create=True)
            ledger = Ledger(self.folder / _LEDGER)
            self._open_parts = ledger, store
            self._check_embedder(ledger)
        return self._open_parts

    def _check_embedder(self, ledger: Ledger) -> None:
        known, ours = ledger.note("embedder"), self._embedder_facts()
        if known is not None and known != ours:
            raise StoreError(
                f"the index in {self.folder} was made with other embeddings ({known}); "
                f"these are {ours}: use the same embedder, or another folder"
            )

    def _embedder_facts(self) -> str:
        probe = self._embedder.embed_query("probe of an embedder")
        values = ", ".join(f"{value:.4f}" for value in probe[:4])
        return f"{type(self._embedder).__name__}, {len(probe)} dimensions, probe {values}"

    def close(self) -> None:
        """Close the ledger. Safe to call twice."""
        if self._open_parts is not None:
            self._open_parts[0].close()
            self._open_parts = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many entries there are: chunks and figures."""
        return 0 if self._open_parts is None else len(self._open_parts[0])

    def files(self) -> list[FileRecord]:
        """The files of the index, ordered by path."""
        return [] if self._open_parts is None else self._open_parts[0].files()

    def entries(self, path: str | os.PathLike[str]) -> list[Entry]:
        """The entries of a file; [] for a file that is not in the index."""
        return self._parts()[0].entries(os.path.abspath(path))  # noqa: PTH100 - as it was indexed

    # -- writing

    def sync(
        self, paths: Paths, *, verify: bool = False, show_progress: bool = False
    ) -> SyncReport:
        """Make the index equal to the files and folders in `paths`.

        New and changed files are read. Files that were in one of these folders and are gone are
        removed, with the images that nothing refers to any more. A file is unchanged, and not even
        parsed, if size, modification time and options are; `verify` compares the content. Files
        that cannot be read are in the report, and what the index has of them stays. Other files of
        the index are left alone.

        Raises `DocumentError` for a path that does not exist, `StoreError` where the index cannot
        be written, or another process keeps writing to it.
        """
        found = scan(paths, exclude=self.folder)
        with self._writing() as indexer:
            return self._finished(indexer.sync(found, verify=verify, show_progress=show_progress))

    def add(self, paths: Paths, *, show_progress: bool = False) -> SyncReport:
        """As `sync`, but nothing is removed."""
        found = scan(paths, exclude=self.folder)
        kept = Scan(files=found.files, skipped=found.skipped)
        with self._writing() as indexer:
            return self._finished(indexer.sync(kept, show_progress=show_progress))

    def remove(self, paths: Paths) -> list[str]:
        """Remove files from the index (not from the disk); folders stand for all files below them.

        Returns the paths that were removed. Raises `DocumentError` for one that is not in the index.
        """
        removed: list[str] = []
        with self._writing() as indexer:
            for name in paths:
                path = os.path.abspath(name)  # noqa: PTH100 - as it was indexed
                below = [f.path for f in self.files() if Path(f.path).is_relative_to(path)]
                if not below:
                    raise DocumentError(os.fspath(name), "is not in the index")
                for one in below:
                    indexer.remove(one)
                removed += below
            remove_unused_images(self.image_root, self._parts()[0].images())
        return removed

    def check(self, *, mend: bool = False) -> list[Problem]:
        """What is wrong with the index; with `mend`, after mending it.

        Mending writes a lost ledger from the vectors, deletes vectors that belong to nothing, and
        marks files whose vectors or images are missing, so that the next `sync` reads them again.
        Raises `StoreError` where the index cannot be read or written at all.
        """
        had_ledger = (self.folder / _LEDGER).is_file()
        with self._writing(recover=mend) as indexer:
            return indexer.check(self.image_root, mend=mend, adopt_vectors=not had_ledger)

    def _finished(self, report: SyncReport) -> SyncReport:
        if report.changed or report.removed:
            report.images_removed = remove_unused_images(self.image_root, self._parts()[0].images())
        return report

    @contextmanager
    def _writing(self, *, recover: bool = True) -> Iterator[Indexer]:
        with self._errors("written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            ledger, store = self._parts()
            with self._wait(ledger) as writer:
                if ledger.note("embedder") is None:
                    writer.set_note("embedder", self._embedder_facts())
                indexer = Indexer(
                    ledger,
                    writer,
                    store,
                    self._embedder,
                    load=self._reader,
                    options=options_hash(self._reader.facts()),
                    words_of=self._reader.words_of,
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
        routes: Sequence[str] = _ROUTES,
    ) -> list[Hit]:
        """The best `top_n` of the `fetch_k` candidates that the routes find.

        Without a reranker, the candidates in the order of the routes' fused ranks. A figure and the
        chunk that cites it are one result. `where`: see `mmrerank.index.filters`. `routes`: "words",
        "vectors" or both. An image that is missing is left out with a `RerankWarning`.

        Raises `InvalidInputError` for an empty query or options that cannot be used, `StoreError`
        where the index is empty or cannot be searched, and what the reranker raises.
        """
        content = check_query(query)
        if top_n < 1 or fetch_k < 1:
            raise InvalidInputError("top_n and fetch_k must be at least 1")
        if not len(self):
            raise StoreError(
                f"the index in {self.folder} is empty; "
                f"add files with: mmrerank index FILES... --store {self.folder}"
            )
        keep = matcher(where)
        with self._errors("searched"):
            found = find(self._routes(routes), content, max(fetch_k, top_n), keep=keep)
            # Another process may have replaced a file between two routes: what one statement of
            # the ledger calls live belongs together.
            live = self._parts()[0].numbered([one.entry.number for one in found])
            candidates = [one for one in found if one.entry.number in live]
        ranked = self._ranked(content, candidates, reranker)
        return [
            self._hit(rank, one, candidates[one.candidate])
            for rank, one in enumerate(one_per_figure(ranked)[:top_n])
        ]

    def _routes(self, names: Sequence[str]) -> Mapping[str, Route]:
        ledger, store = self._parts()
        if ledger.epoch() != self._epoch:  # this or another process has written
            store.refresh()
            self._epoch = ledger.epoch()
        routes: dict[str, Route] = {
            "words": WordRoute(ledger),
            "vectors": TextVectorRoute(ledger, store, self._embedder),
        }
        if wrong := [name for name in names if name not in routes]:
            raise InvalidInputError(f"routes are {', '.join(routes)}, not {wrong[0]!r}")
        return {name: routes[name] for name in names}

    def word_statistics(self, words: Sequence[str]) -> WordStatistics:
        """How often words occur in the whole index, for a lexical reranker."""
        return LexicalRoute(self._parts()[0]).statistics(words)

    def contents(self, entries: Iterable[Entry]) -> list[Content]:
        """Entries as `search` passes them to a reranker, so that it can be warmed with them."""
        return [content for content, _ in self._contents(entries)]

    def _contents(self, entries: Iterable[Entry]) -> Iterator[tuple[Content, list[str]]]:
        # A missing image costs its own part of a score, not the whole search.
        resolver = ImageResolver(self.image_root, on_image_error="warn")
        for entry in entries:
            images = resolver.resolve(entry.images, entry.metadata)
            yield Content(entry.text, [image for _, image in images]), [ref for ref, _ in images]

    def _ranked(
        self, query: Content, candidates: Sequence[Found], reranker: Reranker | None
    ) -> list[Ranked]:
        if reranker is None:
            return [Ranked(c.entry, i, c.score, None) for i, c in enumerate(candidates)]
        from mmrerank.ocr.reranker import OCRReranker

        if isinstance(reranker, OCRReranker):
            reranker = reranker.with_statistics(self.word_statistics)
        pairs = list(self._contents(candidate.entry for candidate in candidates))
        ranked: list[Ranked] = []
        for result in reranker.rerank(query, [content for content, _ in pairs]):
            refs = pairs[result.index][1]
            best = None if result.best_image is None else refs[result.best_image]
            entry = candidates[result.index].entry
            ranked.append(Ranked(entry, result.index, result.relevance_score, best))
        return ranked

    def _hit(self, rank: int, one: Ranked, found: Found) -> Hit:
        entry = one.entry
        refs = list(dict.fromkeys([*entry.images, *([one.best_image] if one.best_image else [])]))
        return Hit(
            rank=rank + 1,
            score=float(one.score),
            retrieval_rank=one.candidate + 1,
            retrieval_score=float(found.score),
            source=entry.path,
            page=entry.page or None,
            text=entry.text,
            images=[self._hit_image(ref, entry.path) for ref in refs],
            best_image=one.best_image,
            kind=entry.kind,
            routes=found.ranks,
        )

    def _hit_image(self, ref: str, source: str) -> HitImage:
        facts = loader_facts(Image(path=self.image_root / ref, root=self.image_root), source)
        page = facts.get("page")
        return HitImage(
            path=ref,
            page=page if isinstance(page, int) else None,
            caption=str(facts.get("caption") or ""),
        )

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """A vector store's own errors, and a disk's, as a `StoreError` that says what was done."""
        from mmrerank.errors import RerankError

        try:
            yield
        except RerankError:
            raise
        except Exception as error:
            raise StoreError(f"the index in {self.folder} cannot be {what}: {error}") from error
