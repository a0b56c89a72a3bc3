"""Generated captions in an index: a table of their own, and a route that finds figures by them.

What a model writes about an image is not the document's text: it is stored in no entry, and not in
the vector store that others read. It only leads to the entries of its image.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.captioning.caption import Caption
from mmrerank.errors import RerankError
from mmrerank.index.embedding import IndexEmbedder
from mmrerank.index.ledger import Ledger
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.rank_fusion import Ranking, fuse_ranks
from mmrerank.index.routes import Keep, best_kept
from mmrerank.index.writer import CaptionRow
from mmrerank.ocr.bm25 import tokenize
from mmrerank.optional import require
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from mmrerank.captioning.captioner import Captioned, Captioner

__all__ = [
    "CaptionReport",
    "CaptionRoute",
    "GeneratedCaption",
    "ask_for_captions",
    "caption_rows",
    "generated_captions",
    "images_without_caption",
]


@dataclass(frozen=True, slots=True)
class GeneratedCaption:
    """A caption that a model wrote; `key` is the captioner's for it, `model` the model's name."""

    ref: str
    key: str
    model: str
    caption: Caption


@dataclass(slots=True)
class CaptionReport:
    """What `Index.caption` did, in images: `left` were not asked about (budget, deadline).

    `failed` has the error for each image without a caption, by its reference.
    """

    written: int = 0
    unchanged: int = 0
    left: int = 0
    failed: list[tuple[str, RerankError]] = field(default_factory=list)

    @classmethod
    def of(cls, found: Mapping[str, Captioned], *, unchanged: int) -> CaptionReport:
        """The report of what became of each image."""
        failed = [(ref, one.error) for ref, one in found.items() if one.error is not None]
        written = sum(one.caption is not None for one in found.values())
        return cls(written, unchanged, len(found) - len(failed) - written, failed)


def generated_captions(
    ledger: Ledger, refs: Sequence[str] | None = None
) -> dict[str, GeneratedCaption]:
    """The captions of these images, or of all, by reference.

    What another program wrote in place of a caption counts as none, and is asked for again.
    """
    captions: dict[str, GeneratedCaption] = {}
    for ref, key, model, line in ledger.captions(refs):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            captions[ref] = GeneratedCaption(ref, key, model, Caption.from_json(line))
    return captions


def images_without_caption(
    ledger: Ledger, image_root: Path, captioner: Captioner
) -> dict[str, Image]:
    """The images of an index without a caption by this captioner, by reference."""
    ledger.fetch_all_images()
    have = {ref: one.key for ref, one in generated_captions(ledger).items()}
    images = {ref: Image(path=image_root / ref, root=image_root) for ref in sorted(ledger.images())}
    return {ref: one for ref, one in images.items() if not captioner.made(have.get(ref), one)}


def ask_for_captions(
    ledger: Ledger, image_root: Path, captioner: Captioner, *, show_progress: bool
) -> dict[str, Captioned]:
    """Ask about the images without a caption by this captioner; what became of each."""
    images = images_without_caption(ledger, image_root, captioner)
    outcomes = captioner.caption(list(images.values()), show_progress=show_progress)
    return dict(zip(images, outcomes, strict=True))


def caption_rows(
    found: Mapping[str, Captioned], model: str, embedder: IndexEmbedder
) -> list[CaptionRow]:
    """The rows for `Writer.set_captions`: one for each image that has a caption."""
    numpy = require("numpy")
    captions = {ref: one.caption for ref, one in found.items() if one.caption is not None}
    if not captions:
        return []
    vectors = embedder.embed_texts([caption.text for caption in captions.values()])
    return [
        (
            ref,
            found[ref].key,
            model,
            caption.to_json(),
            " ".join(tokenize(caption.text)),
            numpy.asarray(vector, "<f4").tobytes(),
        )
        for (ref, caption), vector in zip(captions.items(), vectors, strict=True)
    ]


class CaptionRoute:
    """Finds the entries of images by the words and the vectors of their generated captions.

    The vectors are kept in memory, 4 MB for a thousand captions of 1,024 dimensions, and read again
    when the ledger has changed.
    """

    def __init__(self, ledger: Ledger, embedder: IndexEmbedder) -> None:
        self._ledger, self._embedder = ledger, embedder
        self._lexical = LexicalRoute(ledger, "captions")
        self._lock = threading.Lock()
        self._vectors: tuple[int, list[int], Any] | None = None  # epoch, numbers, a row for each

    def search(self, query: Content, k: int, keep: Keep) -> Ranking:
        """See `mmrerank.index.routes.Route`; [] where there are no captions. Raises `StoreError`."""
        text = query.text
        if not text or not self._lexical.count():
            return []

        def best(count: int) -> tuple[Ranking, bool]:
            words = [number for number, _ in self._lexical.search(text, count)]
            vectors = self._nearest(text, count)
            ranked = fuse_ranks({"words": words, "vectors": vectors})
            scores: dict[int, float] = {}
            for number, score in ranked:
                for entry in self._entries(number):
                    scores.setdefault(entry, score)
            return list(scores.items()), max(len(words), len(vectors)) < count

        return best_kept(best, k, keep, self._ledger)

    def _nearest(self, text: str, k: int) -> list[int]:
        numpy = require("numpy")
        numbers, vectors = self._loaded()
        if not numbers:  # another process has just removed the last one
            return []
        query = numpy.asarray(self._embedder.embed_query(text), "<f4")
        similarities = vectors @ query
        best = numpy.argsort(-similarities, kind="stable")[:k]
        return [numbers[i] for i in best if similarities[i] > 0]

    def _loaded(self) -> tuple[list[int], Any]:
        numpy = require("numpy")
        with self._lock:
            epoch = self._ledger.epoch()
            if self._vectors is None or self._vectors[0] != epoch:
                rows = self._ledger.caption_vectors()
                vectors = [numpy.frombuffer(vector, "<f4") for _, vector in rows]
                matrix = numpy.vstack(vectors) if vectors else numpy.empty((0, 0), "<f4")
                self._vectors = epoch, [number for number, _ in rows], matrix
            return self._vectors[1:]

    def _entries(self, number: int) -> list[int]:
        """The figures that show the image of a caption; if there are none, the chunks with it."""
        found = self._ledger.numbered(numbers := self._ledger.captioned_entries(number))
        entries = [found[one] for one in numbers if one in found]
        entries = [entry for entry in entries if entry.kind == "figure"] or entries
        return [entry.number for entry in entries]
