"""Opens the index at a URL."""

from __future__ import annotations

from functools import partial

from mmrerank.errors import StoreError, warn
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.storage import Place, Storage
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.lance.words import cut_words_again
from mmrerank.index.lance.writer import LanceWriter
from mmrerank.index.parts import OnWait, Parts, joined_parts
from mmrerank.index.sqlite_ledger import IMAGES
from mmrerank.index.words import TOKENIZER_NOTE
from mmrerank.ocr.bm25 import TOKENIZER
from mmrerank.optional import require
from mmrerank.retrieval.base import TextEmbedder
from mmrerank.retrieval.embedder import Embedder

__all__ = ["UrlHome"]


class UrlHome:
    """An index at a URL, in LanceDB; see `mmrerank.index.parts.Home`."""

    def __init__(self, url: str, storage: Storage | None) -> None:
        require("lancedb")
        self._place = Place(url, storage)
        self.name, self.folder = self._place.url, self._place.folder

    def is_there(self, *, required: bool) -> bool:
        """See `Home`. The note of its embedder is the first thing that is written."""
        is_there = self._ledger().note("embedder") is not None
        if required and not is_there:
            raise StoreError(
                f"there is no index at {self.name}; make one with: "
                f"mmrerank index FILES... --store {self.name}"
            )
        return is_there

    def opened(
        self,
        embedder: TextEmbedder | str | None,
        image_embedder: Embedder | str | None,
        timeout: float,
        on_wait: OnWait,
    ) -> Parts:
        """See `Home`."""
        ledger = self._ledger()
        vectors = LanceVectors(ledger)
        writing = partial(LanceWriter.writing, self._place, ledger, vectors)
        parts = joined_parts(self, ledger, vectors, embedder, image_embedder, writing)
        note = ledger.note(TOKENIZER_NOTE)
        if note is not None and note != TOKENIZER:
            self._cut_words_again(ledger, parts, timeout, on_wait)
        return parts

    def _ledger(self) -> LanceLedger:
        return LanceLedger(self._place, self.folder / IMAGES)

    def _cut_words_again(
        self, ledger: LanceLedger, parts: Parts, timeout: float, on_wait: OnWait
    ) -> None:
        try:
            with parts.writing(timeout, on_wait) as writer:
                cut_words_again(ledger)
                writer.set_note(TOKENIZER_NOTE, TOKENIZER)
        except StoreError as error:
            warn(
                f"another version of mmrerank cut the words at {self.name}, and they cannot be cut "
                f"again, so that searches by words find less: {error}"
            )
