"""OCRReranker, the embedded default: reads the words in the images; no key, GPU or download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mmrerank.base import Documents, Reranker, check_documents
from mmrerank.errors import InvalidInputError
from mmrerank.ocr.bm25 import BM25, tokenize
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.progress import progress
from mmrerank.types import Content, Image, Modalities, PartScore, Scored, Usage

__all__ = ["OCRReranker"]


class OCRReranker(Reranker):
    """BM25 over each document's text together with the words in its images.

    Words come from the text layer where a loader kept them, from OCR (RapidOCR, whose models are
    in its package) otherwise: Latin, Greek, Chinese and Japanese letters, no Korean, Cyrillic or
    Arabic, which count in texts and text layers alone. What was read once is kept by content hash in `cache_dir`
    ("auto": `MMRERANK_CACHE` or the user's cache folder; None: in memory only). Call `warm` at
    indexing time so that no query waits for OCR. `ocr=False` uses text layers alone and needs no
    OCR package. At most `max_images_per_document` images of a document are read. `show_progress`
    draws a bar while images are read for a query.

    Scores are between 0 and 1: the share of the highest score the query allows. They depend on
    the other documents of the call (`listwise`), through the rarity of words among them.
    """

    model = "ocr-bm25"
    modalities = Modalities(
        image=True,
        text_and_image=True,
        several_images=True,
        query_image=True,
        query_text_and_image=True,
        query_several_images=True,
        blank_text=True,
    )
    listwise = True

    def __init__(
        self,
        *,
        cache_dir: str | Path | None = "auto",
        ocr: bool = True,
        max_images_per_document: int = 4,
        show_progress: bool = False,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        if max_images_per_document < 1:
            raise InvalidInputError("max_images_per_document is at least 1")
        self.max_images_per_document, self.show_progress = max_images_per_document, show_progress
        self._reader = ImageReader(
            default_cache_dir() if cache_dir == "auto" else cache_dir, ocr=ocr
        )

    def warm(self, documents: Documents, *, show_progress: bool = False) -> None:
        """Read the words of all images in `documents` now, with a progress bar if asked for."""
        images = {
            image: None
            for document in check_documents(documents)
            for image in document.images[: self.max_images_per_document]
        }
        self.warm_images(list(images), show_progress=show_progress)

    def warm_images(self, images: Sequence[Image], *, show_progress: bool = False) -> None:
        """As `warm`, for images that stand in no document yet."""
        unknown = [image for image in images if not self._reader.is_known(image)]
        for image in progress(unknown, "Reading words in images", show=show_progress):
            self._reader.words(image)

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        if self.show_progress:
            self.warm(documents, show_progress=True)
        words = " ".join([query.text or "", *map(self._reader.words, query.images)])
        asked = tokenize(words)
        all_words = not asked  # "The Who": where there is nothing else, stop words count
        if all_words:
            asked = tokenize(words, stop_words=True)
        texts = [tokenize(document.text or "", stop_words=all_words) for document in documents]
        images = [
            [
                tokenize(self._reader.words(image), stop_words=all_words)
                for image in document.images[: self.max_images_per_document]
            ]
            for document in documents
        ]
        whole = [
            text + [w for words in own for w in words]
            for text, own in zip(texts, images, strict=True)
        ]
        bm25 = BM25(asked, whole)
        self._report(
            Usage(
                model=self.model,
                documents=len(documents),
                parts=len(documents) + sum(map(len, images)),
                images=sum(map(len, images)),
            )
        )
        return [
            Scored(bm25.score(words), _parts(bm25, document, text, own))
            for document, words, text, own in zip(documents, whole, texts, images, strict=True)
        ]


def _parts(
    bm25: BM25, document: Content, text: list[str], images: list[list[str]]
) -> tuple[PartScore, ...]:
    """What the text and each image would score alone: shows which image made the difference."""
    parts = [PartScore("text", bm25.score(text))] if document.text is not None else []
    parts += [PartScore("image", bm25.score(words), k) for k, words in enumerate(images)]
    return tuple(parts)
