"""A search: routes find candidates, a reranker orders them, figures are joined to their text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrerank.base import Reranker, check_query
from mmrerank.errors import InvalidInputError
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.filters import Where, matcher
from mmrerank.index.hits import ROUTES, Hit, HitImage
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.routes import Found, Route, TextVectorRoute, WordRoute, find
from mmrerank.ocr.bm25 import WordStatistics, tokenize
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.ocr.words import loader_facts
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.vector_store import VectorStore
from mmrerank.types import Content, Image, RerankResult

__all__ = ["Search", "Searcher", "candidate_count", "searchable"]

_JOINTS = re.compile(r"[-/_.:,;]+")


def searchable(query: str | Content) -> Content:
    """A query whose halves of surrogate pairs are question marks. Raises `InvalidInputError`."""
    content = check_query(query)
    if content.text is None:
        return content
    return replace(content, text=content.text.encode("utf-8", "replace").decode())


def candidate_count(top_n: int, fetch_k: int) -> int:
    """How many candidates are needed: never fewer than results. Raises `InvalidInputError`."""
    if any(not isinstance(n, int) or n < 1 for n in (top_n, fetch_k)):
        raise InvalidInputError("top_n and fetch_k must be whole numbers from 1 on")
    return max(top_n, fetch_k)


@dataclass(frozen=True, slots=True)
class Search:
    """A search whose candidates are found and, with a reranker, ready to be reranked.

    `contents` is what the reranker reads of each candidate, `refs` the references of its images.
    """

    searcher: Searcher
    query: Content
    candidates: Sequence[Found]
    top_n: int
    reranker: Reranker | None = None
    contents: Sequence[Content] = ()
    refs: Sequence[Sequence[str]] = ()

    def hits(self) -> list[Hit]:
        """The best `top_n` results. Raises what the reranker raises."""
        if self.reranker is None:
            return self._hits(None)
        return self._hits(self.reranker.rerank(self.query, self.contents))

    async def ahits(self) -> list[Hit]:
        """As `hits`, without blocking the event loop."""
        if self.reranker is None:
            return await asyncio.to_thread(self._hits, None)
        results = await self.reranker.arerank(self.query, self.contents)
        return await asyncio.to_thread(self._hits, results)

    def _hits(self, results: Sequence[RerankResult] | None) -> list[Hit]:
        ranked = self._in_order_of_routes() if results is None else self._reranked(results)
        return self.searcher.hits(self.query, self.candidates, ranked, self.top_n)

    def _in_order_of_routes(self) -> list[Ranked[Entry]]:
        return [Ranked(c.entry, i, c.score, None) for i, c in enumerate(self.candidates)]

    def _reranked(self, results: Sequence[RerankResult]) -> list[Ranked[Entry]]:
        return [
            Ranked(
                self.candidates[result.index].entry,
                result.index,
                result.relevance_score,
                None if result.best_image is None else self.refs[result.index][result.best_image],
                result.is_scored,
            )
            for result in results
        ]


class Searcher:
    """Searches a ledger and a vector store; it notices what other processes write to them."""

    def __init__(
        self, ledger: Ledger, store: VectorStore, embedder: TextEmbedder, image_root: Path
    ) -> None:
        self._ledger, self._store, self._image_root = ledger, store, image_root
        self._epoch = ledger.epoch()
        self._routes: dict[str, Route] = {
            "words": WordRoute(ledger),
            "vectors": TextVectorRoute(ledger, store, embedder),
        }

    def candidates(
        self, query: Content, k: int, *, where: Where | None, routes: Sequence[str]
    ) -> list[Found]:
        """The best `k` candidates of the routes. Raises `InvalidInputError` for unknown routes."""
        if wrong := [name for name in routes if name not in self._routes]:
            raise InvalidInputError(f"routes are {', '.join(ROUTES)}, not {wrong[0]!r}")
        self._see_changes()
        chosen = {name: self._routes[name] for name in routes}
        found = find(chosen, query, k, keep=matcher(where))
        # Another process may have replaced a file between two routes: what one statement of the
        # ledger calls live belongs together.
        live = self._ledger.numbered([candidate.entry.number for candidate in found])
        return [candidate for candidate in found if candidate.entry.number in live]

    def _see_changes(self) -> None:
        epoch = self._ledger.epoch()
        if epoch != self._epoch:
            self._store.refresh()
            self._epoch = epoch

    def prepare(
        self,
        query: Content,
        candidates: Sequence[Found],
        top_n: int,
        reranker: Reranker | None,
    ) -> Search:
        """A search that has only to be reranked, by `hits` or `ahits`."""
        if reranker is None:
            return Search(self, query, candidates, top_n)
        if isinstance(reranker, OCRReranker):  # rare words are rare in the index, not among 50
            reranker = reranker.with_statistics(self.word_statistics)
        pairs = list(self.contents(candidate.entry for candidate in candidates))
        contents, refs = [content for content, _ in pairs], [refs for _, refs in pairs]
        return Search(self, query, candidates, top_n, reranker, contents, refs)

    def hits(
        self,
        query: Content,
        candidates: Sequence[Found],
        ranked: Sequence[Ranked[Entry]],
        top_n: int,
    ) -> list[Hit]:
        """The best `top_n` results: figures are joined to their text, matched words are found."""
        ranked = one_per_figure(ranked)[:top_n]
        texts = self._ledger.texts_of_images([one.best_image for one in ranked if one.best_image])
        in_images = {ref: set(tokenize(text)) for ref, text in texts.items()}
        words = {word: set(tokenize(word)) for word in (query.text or "").split()}
        return [
            replace(
                self._hit(rank, one, candidates[one.candidate]),
                matched_in_text=[]
                if one.entry.kind == "figure"  # its text is the words of the image
                else _matched(words, set(one.entry.words.split())),
                matched_in_image=_matched(words, in_images.get(one.best_image or "", set())),
            )
            for rank, one in enumerate(ranked, start=1)
        ]

    def contents(self, entries: Iterable[Entry]) -> Iterator[tuple[Content, list[str]]]:
        """Entries as a reranker reads them, and the references of their images.

        A missing image costs its own part of a score, with a `RerankWarning`, not the whole search.
        """
        resolver = ImageResolver(self._image_root, on_image_error="warn")
        for entry in entries:
            images = resolver.resolve(entry.images, entry.metadata)
            yield Content(entry.text, [image for _, image in images]), [ref for ref, _ in images]

    def word_statistics(self, words: Sequence[str]) -> WordStatistics:
        """How often words occur in the whole index, for a lexical reranker."""
        return LexicalRoute(self._ledger).statistics(words)

    def _hit(self, rank: int, one: Ranked[Entry], found: Found) -> Hit:
        entry = one.entry
        shown: Mapping[str, None] = dict.fromkeys(
            [*entry.images, *([one.best_image] if one.best_image else [])]
        )
        return Hit(
            rank=rank,
            score=float(one.score),
            retrieval_rank=one.candidate + 1,
            retrieval_score=float(found.score),
            source=entry.path,
            page=entry.page or None,
            text=entry.text,
            images=[self._hit_image(ref, entry.path) for ref in shown],
            best_image=one.best_image,
            kind=entry.kind,
            routes=found.ranks,
            id=entry.id,
            metadata=entry.metadata,
            is_scored=one.is_scored,
        )

    def _hit_image(self, ref: str, source: str) -> HitImage:
        facts = loader_facts(Image(path=self._image_root / ref, root=self._image_root), source)
        page = facts.get("page")
        return HitImage(
            path=ref,
            page=page if isinstance(page, int) else None,
            caption=str(facts.get("caption") or ""),
            file=str(self._image_root / ref),
        )


def _matched(words: Mapping[str, set[str]], tokens: set[str]) -> list[str]:
    """Those words of a query, as it has them, of which a token is among `tokens`."""
    matched: list[str] = []
    for word, own in words.items():
        pieces = [word] if own <= tokens else _JOINTS.split(word)  # of 4471-C, perhaps the C only
        matched += [p.strip("?!.,;:\"'()[]") for p in pieces if tokens & set(tokenize(p))]
    return list(dict.fromkeys(matched))
