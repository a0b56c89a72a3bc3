"""A search: routes find candidates, a reranker orders them, figures are joined to their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, warn
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.captions import CaptionRoute, GeneratedCaption, generated_captions
from mmrerank.index.duplicates import Found, originals
from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.filters import Where, matcher, unknown_fields
from mmrerank.index.hits import ROUTES, Hit, HitImage
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.routes import Route, TextVectorRoute, WordRoute, find
from mmrerank.ocr.bm25 import WordStatistics, tokenize
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.ocr.words import loader_facts
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.vector_store import VectorStore
from mmrerank.types import Content, Image

__all__ = ["Searcher"]

_JOINTS = re.compile(r"[-/_.:,;]+")


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
            "captions": CaptionRoute(ledger, embedder),
        }

    def candidates(
        self, query: Content, k: int, *, where: Where | None, routes: Sequence[str]
    ) -> list[Found]:
        """The best `k` candidates of the routes. Raises `InvalidInputError` for unknown routes."""
        if wrong := [name for name in routes if name not in self._routes]:
            raise InvalidInputError(f"routes are {', '.join(ROUTES)}, not {wrong[0]!r}")
        self._see_changes()
        chosen = {name: self._routes[name] for name in routes}
        keep = matcher(where)
        found = find(chosen, query, k, self._ledger, keep=keep)
        if len(found) < k and self._see_changes():
            # Another process has replaced files meanwhile, and candidates were lost with them.
            found = find(chosen, query, k, self._ledger, keep=keep)
        if not found and (unknown := unknown_fields(where, self._ledger)):
            warn(f"where: no entry has {' or '.join(map(repr, unknown))} in its metadata")
        return found

    def _see_changes(self) -> bool:
        """Whether the index has changed since the last look."""
        epoch = self._ledger.epoch()
        if epoch == self._epoch:
            return False
        self._store.refresh()
        self._epoch = epoch
        return True

    def hits(
        self,
        query: Content,
        candidates: Sequence[Found],
        reranker: Reranker | None,
        top_n: int,
        *,
        rerank_captions: bool = False,
    ) -> list[Hit]:
        """The best `top_n` results. Raises what the reranker raises."""
        ranked = self._ranked(query, candidates, reranker, rerank_captions)
        ranked = one_per_figure(ranked, self._copies(candidates))[:top_n]
        texts = self._ledger.texts_of_images([one.best_image for one in ranked if one.best_image])
        in_images = {ref: set(tokenize(text)) for ref, text in texts.items()}
        captions = self._captions(ranked)
        said = {ref: set(tokenize(one.caption.text)) for ref, one in captions.items()}
        words = {word: set(tokenize(word)) for word in (query.text or "").split()}
        return [
            replace(
                self._hit(rank, one, candidates[one.candidate], captions),
                matched_in_text=[]
                if one.entry.kind == "figure"  # its text is the words of the image
                else _matched(words, set(one.entry.words.split())),
                matched_in_image=_matched(words, in_images.get(one.best_image or "", set())),
                matched_in_caption=_matched(words, said.get(one.best_image or "", set())),
            )
            for rank, one in enumerate(ranked, start=1)
        ]

    def _copies(self, candidates: Sequence[Found]) -> Mapping[str, str]:
        """The image that each copy among the candidates stands for."""
        refs = list(dict.fromkeys(ref for c in candidates for ref in c.entry.images))
        return originals(refs, self._ledger.pictures(refs))

    def _captions(self, ranked: Iterable[Ranked]) -> dict[str, GeneratedCaption]:
        """The generated captions of all images that the results show."""
        refs = [ref for one in ranked for ref in (*one.entry.images, one.best_image or "")]
        return generated_captions(self._ledger, list(dict.fromkeys(refs)))

    def _ranked(
        self,
        query: Content,
        candidates: Sequence[Found],
        reranker: Reranker | None,
        rerank_captions: bool,
    ) -> list[Ranked]:
        if reranker is None:
            return [Ranked(c.entry, i, c.score, None) for i, c in enumerate(candidates)]
        if isinstance(reranker, OCRReranker):  # rare words are rare in the index, not among 50
            reranker = reranker.with_statistics(self.word_statistics)
        entries = [candidate.entry for candidate in candidates]
        pairs = list(self.contents(entries, with_captions=rerank_captions))
        ranked: list[Ranked] = []
        for result in reranker.rerank(query, [content for content, _ in pairs]):
            refs = pairs[result.index][1]
            best = None if result.best_image is None else refs[result.best_image]
            entry = candidates[result.index].entry
            ranked.append(Ranked(entry, result.index, result.relevance_score, best))
        return ranked

    def contents(
        self, entries: Iterable[Entry], *, with_captions: bool = False
    ) -> Iterator[tuple[Content, list[str]]]:
        """Entries as a reranker reads them, and the references of their images.

        `with_captions` adds what a model said of a figure to its text, marked as such.
        A missing image costs its own part of a score, with a `RerankWarning`, not the whole search.
        """
        resolver = ImageResolver(self._image_root, on_image_error="warn")
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
        return LexicalRoute(self._ledger).statistics(words)

    def _hit(
        self, rank: int, one: Ranked, found: Found, captions: Mapping[str, GeneratedCaption]
    ) -> Hit:
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
            images=[self._hit_image(ref, entry.path, captions.get(ref)) for ref in shown],
            best_image=one.best_image,
            kind=entry.kind,
            routes=found.ranks,
            also_in=_other_places(entry, (*found.also_in, *one.also_in)),
        )

    def _hit_image(self, ref: str, source: str, said: GeneratedCaption | None) -> HitImage:
        facts = loader_facts(Image(path=self._image_root / ref, root=self._image_root), source)
        page = facts.get("page")
        return HitImage(
            path=ref,
            page=page if isinstance(page, int) else None,
            caption=str(facts.get("caption") or ""),
            file=str(self._image_root / ref),
            generated_caption=said.caption.text if said is not None else "",
            generated_by=said.model if said is not None else "",
        )


def _other_places(entry: Entry, others: Iterable[Entry]) -> list[tuple[str, int | None]]:
    """The files and pages of entries, each once, without those of the entry itself."""
    places = dict.fromkeys((other.path, other.page or None) for other in others)
    return [place for place in places if place != (entry.path, entry.page or None)]


def _matched(words: Mapping[str, set[str]], tokens: set[str]) -> list[str]:
    """Those words of a query, as it has them, of which a token is among `tokens`."""
    matched: list[str] = []
    for word, own in words.items():
        pieces = [word] if own <= tokens else _JOINTS.split(word)  # of 4471-C, perhaps the C only
        matched += [p.strip("?!.,;:\"'()[]") for p in pieces if tokens & set(tokenize(p))]
    return list(dict.fromkeys(matched))
