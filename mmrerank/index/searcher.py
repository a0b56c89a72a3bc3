"""Searching: routes find candidates, and rerankers are handed what they read of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, warn
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.captions import CaptionRoute, generated_captions
from mmrerank.index.duplicates import Found
from mmrerank.index.embedding import IndexEmbedder, IndexImageEmbedder
from mmrerank.index.filters import matcher, unknown_fields
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.pages import pages_of
from mmrerank.index.results import Results
from mmrerank.index.route_choice import RouteChoice, route_weights
from mmrerank.index.routes import Route, WordRoute, find
from mmrerank.index.search import Search, SearchSettings
from mmrerank.index.vector_routes import VectorRoute
from mmrerank.ocr.bm25 import WordStatistics
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.retrieval.vector_store import IMAGE, TEXT, VectorStore
from mmrerank.timing import report_time
from mmrerank.types import Content

__all__ = ["Searcher"]

_TRIES = 5  # of one search, while others replace files


class Searcher:
    """Searches a ledger and a vector store; it notices what other processes write to them."""

    def __init__(
        self,
        ledger: Ledger,
        store: VectorStore,
        embedder: IndexEmbedder,
        image_embedder: IndexImageEmbedder,
        image_root: Path,
    ) -> None:
        self._ledger, self._store, self._image_root = ledger, store, image_root
        self._results = Results(ledger, image_root)
        self._epoch = ledger.epoch()
        self._lexical = LexicalRoute(ledger)
        routes: dict[str, Route] = {
            "words": WordRoute(ledger, self._lexical),
            "vectors": VectorRoute(ledger, store, embedder, TEXT),
            "captions": CaptionRoute(ledger, embedder),
            "images": VectorRoute(ledger, store, image_embedder, IMAGE),
        }
        self._routes = RouteChoice(ledger, image_embedder, routes)

    def _candidates(
        self, query: Content, settings: SearchSettings, *, is_reranked: bool
    ) -> list[Found]:
        """The best candidates of the routes, which may have weights other than `WEIGHTS`.

        Raises `InvalidInputError` for weights that are not above 0, and as `RouteChoice.chosen`.
        """
        k, where = settings.candidates, settings.where
        weights = route_weights(settings.routes)
        chosen = self._routes.chosen(query, settings.routes, is_reranked=is_reranked)
        keep = matcher(where)
        for _ in range(_TRIES):
            epoch = self._up_to_date()
            found = find(
                chosen, query, k, self._ledger, keep=keep, weights=weights, fusion=settings.fusion
            )
            if len(found) >= k or self._ledger.epoch() == epoch:
                break  # otherwise files were replaced meanwhile, and candidates lost with them
        if not found and (unknown := unknown_fields(where, self._ledger)):
            warn(f"where: no entry has {' or '.join(map(repr, unknown))} in its metadata")
        return found

    def _up_to_date(self) -> int:
        """The epoch of the ledger, after the vectors of that epoch can be seen."""
        epoch = self._ledger.refresh()
        if epoch != self._epoch:
            self._store.refresh()
            self._epoch = epoch
        return epoch

    def search(self, query: Content, settings: SearchSettings, reranker: Reranker | None) -> Search:
        """A search that has only to be reranked, by `hits` or `ahits`."""
        begun = time.perf_counter()
        is_reranked = isinstance(reranker, Reranker) and reranker.modalities.query_image
        candidates = self._candidates(query, settings, is_reranked=is_reranked)
        search_time = time.perf_counter() - begun
        report_time("search", search_time)
        search = Search(
            results=self._results,
            query=query,
            candidates=candidates,
            top_n=settings.top_n,
            search_time=search_time,
        )
        if reranker is None:
            return search
        if not isinstance(reranker, Reranker):
            raise InvalidInputError(f"reranker is a {type(reranker).__name__}, not a Reranker")
        readable = _query_for(reranker, query)
        if readable is None:
            return replace(search, is_scored=False)
        if isinstance(reranker, OCRReranker):  # rare words are rare in the index, not among 50
            pages = pages_of(self._ledger, [c.entry for c in candidates], query.text or "")
            reranker = reranker.with_statistics(self.word_statistics).with_pages(pages)
        entries = [candidate.entry for candidate in candidates]
        pairs = list(self.contents(entries, with_captions=settings.rerank_captions))
        contents, refs = [content for content, _ in pairs], [refs for _, refs in pairs]
        return replace(search, query=readable, reranker=reranker, contents=contents, refs=refs)

    def contents(
        self, entries: Iterable[Entry], *, with_captions: bool = False
    ) -> Iterator[tuple[Content, list[str]]]:
        """Entries as a reranker reads them, and the references of their images.

        `with_captions` adds what a model said of a figure to its text, marked as such.
        A missing image costs its own part of a score, with a `RerankWarning`, not the whole search.
        """
        resolver = ImageResolver(self._image_root, on_image_error="warn")
        entries = list(entries)
        self._ledger.fetch_images(entries)
        for entry in entries:
            images = resolver.resolve(entry.images, entry.metadata)
            text = self._with_caption(entry) if with_captions else entry.text
            yield Content(text, [image for _, image in images]), [ref for ref, _ in images]

    def _with_caption(self, entry: Entry) -> str:
        """The text of an entry; of a figure with what a model said of it."""
        if entry.kind != "figure":
            return entry.text
        captions = generated_captions(self._ledger, entry.images)
        said = [f"Generated caption: {one.caption.text}" for one in captions.values()]
        return "\n\n".join(text for text in [entry.text, *said] if text)

    def word_statistics(self, words: Sequence[str]) -> WordStatistics:
        """How often words occur in the whole index, for a lexical reranker."""
        return self._lexical.statistics(words)


def _query_for(reranker: Reranker, query: Content) -> Content | None:
    """What a reranker can read of a query; None for nothing. What it cannot is warned of."""
    if not query.images or reranker.modalities.query_image:
        return query
    reason = f"{reranker.model} reads no images in a query"
    if query.text:
        warn(f"{reason}; the candidates are reranked by its text alone")
        return Content(query.text)
    warn(f"{reason}; the candidates stay in the order in which the routes found them")
    return None
