"""OCRReranker, the embedded default: reads the words in the images; no key, GPU or download."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmrerank.base import Documents, Reranker, check_documents, check_method
from mmrerank.errors import InvalidInputError, UnsupportedOperationError
from mmrerank.explanation import Explanation, Method
from mmrerank.ocr.bm25 import BM25, WordStatistics, tokenize
from mmrerank.ocr.query_words import without_answer_format
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.progress import progress
from mmrerank.types import MULTIMODAL, Content, Image, PartScore, Scored, Usage

__all__ = ["OCRReranker", "Pages", "Statistics"]

Statistics = WordStatistics | Callable[[Sequence[str]], WordStatistics]
"""How often words occur in the collection that is searched, or a function that counts given words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages that the documents of one call are on.

    `words` has the tokens of each page, `of_document` for each document the index of its page, and
    `bonus` what is added to its score, at most 1: for a page that the query names.
    """

    words: Sequence[Sequence[str]]
    of_document: Sequence[int]
    bonus: Sequence[float]


class OCRReranker(Reranker):
    """BM25 over each document's text together with the words in its images.

    The words in an image come from its text layer if a loader saved it, otherwise from OCR
    (RapidOCR, whose package includes its models), which reads Latin, Greek, Chinese and Japanese;
    Korean, Cyrillic and Arabic are read from texts and text layers only. Words are cached by content
    hash in `cache_dir` ("auto": `MMRERANK_CACHE` or the user's cache folder; None: in memory only).
    Call `warm` at indexing time so that no query waits for OCR. `ocr=False` uses text layers only
    and needs no OCR package. At most `max_images_per_document` images of a document are read.
    `show_progress` shows a bar while images are read for a query.

    Scores are between 0 and 1: a fraction of the highest score that the query allows. They depend
    on the other documents of the call (`listwise`), through their mean length, and through the
    rarity of words among them unless `statistics` has it for the whole collection: among the
    candidates of a search the words of the query are common, so give statistics if you can
    (`WordStatistics.of_texts`; an `Index` does it by itself). Words of a query about the format of
    its answer ("answer as a list") do not count.

    Scoring raises `ImageError` for an image that cannot be read, and `MissingDependencyError` if
    OCR is needed and not installed.
    """

    model = "ocr-bm25"
    modalities = replace(MULTIMODAL, blank_text=True)
    listwise = True

    def __init__(
        self,
        *,
        cache_dir: str | Path | None = "auto",
        ocr: bool = True,
        max_images_per_document: int = 4,
        show_progress: bool = False,
        statistics: Statistics | None = None,
        on_usage: Callable[[Usage], None] | None = None,
    ) -> None:
        super().__init__(on_usage=on_usage)
        self._statistics = statistics
        self._pages: Pages | None = None
        if max_images_per_document < 1:
            raise InvalidInputError("max_images_per_document is at least 1")
        self.max_images_per_document, self.show_progress = max_images_per_document, show_progress
        self._reader = ImageReader(
            default_cache_dir() if cache_dir == "auto" else cache_dir, ocr=ocr
        )

    def with_statistics(self, statistics: Statistics) -> OCRReranker:
        """A copy of this reranker with these statistics, or itself if it was made with its own."""
        if self._statistics is not None:
            return self
        reranker = copy.copy(self)
        reranker._statistics = statistics  # noqa: SLF001 - our own copy
        return reranker

    def with_pages(self, pages: Pages) -> OCRReranker:
        """A copy for one call with the documents of `pages`: half of a score is that of the page."""
        reranker = copy.copy(self)
        reranker._pages = pages  # noqa: SLF001 - our own copy
        return reranker

    def warm(self, documents: Documents, *, show_progress: bool = False) -> None:
        """Read the words of all images in `documents` now; `show_progress` shows a progress bar.

        Raises `InvalidInputError` for a document that is neither str nor `Content`, `ImageError`
        for an image that cannot be read, `MissingDependencyError` if OCR is not installed.
        """
        images = {
            image: None
            for document in check_documents(documents)
            for image in document.images[: self.max_images_per_document]
        }
        self.warm_images(list(images), show_progress=show_progress)

    def warm_images(self, images: Sequence[Image], *, show_progress: bool = False) -> None:
        """As `warm`, for images that are not in a document yet. Raises the same errors."""
        unknown = [image for image in images if not self._reader.is_known(image)]
        with self._reader.reading_ahead(unknown):
            for image in progress(unknown, "Reading words in images", show=show_progress):
                self._reader.words(image)

    def _score(self, query: Content, documents: list[Content]) -> list[Scored]:
        if self.show_progress:
            self.warm(documents, show_progress=True)
        query_words = self._words(without_answer_format(query.text or ""), query.images)
        tokens, use_stop_words = _query_tokens(query_words)
        read = [self._read(document, use_stop_words) for document in documents]
        statistics = self._counted(tokens)
        bm25 = BM25(tokens, [one.tokens for one in read], statistics)
        scores = [bm25.score(one.tokens) for one in read]
        if self._pages is not None:
            scores = _with_pages(scores, self._pages, tokens, statistics)
        scores = self._mixed(scores, query_words, [one.whole for one in read])
        image_count = sum(len(one.images) for one in read)
        self._report(
            Usage(
                model=self.model,
                documents=len(documents),
                parts=len(documents) + image_count,
                images=image_count,
            )
        )
        return [
            Scored(score, _parts(bm25, document, one))
            for document, score, one in zip(documents, scores, read, strict=True)
        ]

    def _explain(
        self, query: Content, document: Content, method: Method | None, candidates: list[Content]
    ) -> Explanation:
        from mmrerank.ocr.explaining import Located, explanation

        check_method(self, method, "bm25")
        if self._pages is not None:
            raise UnsupportedOperationError("half of this score is that of a page: explain without")
        text = without_answer_format(query.text or "")
        tokens, stop_words = _query_tokens(self._words(text, query.images))
        asked = Located.query(text, query, self._reader, stop_words)
        found = Located.document(document, self.max_images_per_document, self._reader, stop_words)
        read = [
            found.words if one == document else self._read(one, stop_words).tokens
            for one in (candidates if document in candidates else [document, *candidates])
        ]
        bm25 = BM25(tokens, read, self._counted(tokens))
        return explanation(self.model, bm25, asked, found, self._reader)

    def _mixed(self, scores: list[float], query: str, texts: Sequence[str]) -> list[float]:
        """Scores with what a subclass finds in the query and the whole `texts`; here, as they are."""
        return scores

    def _read(self, document: Content, use_stop_words: bool) -> _Read:
        images = document.images[: self.max_images_per_document]
        return _Read.of(document, list(map(self._reader.words, images)), use_stop_words)

    def _counted(self, tokens: Sequence[str]) -> WordStatistics | None:
        """The statistics of the words of a query."""
        return self._statistics(tokens) if callable(self._statistics) else self._statistics

    def _words(self, text: str | None, images: Sequence[Image]) -> str:
        return " ".join([text or "", *map(self._reader.words, images)])


def _query_tokens(words: str) -> tuple[list[str], bool]:
    """The tokens of a query, and whether stop words count: only if it has nothing else."""
    tokens = tokenize(words)
    if tokens:
        return tokens, False
    return tokenize(words, stop_words=True), True  # "The Who"


def _with_pages(
    scores: Sequence[float],
    pages: Pages,
    query: Sequence[str],
    statistics: WordStatistics | None,
) -> list[float]:
    """The mean of each document's score and its page's, and its bonus; between 0 and 1."""
    bm25 = BM25(query, pages.words, statistics)
    of_page = list(map(bm25.score, pages.words))
    highest = 1 + max(pages.bonus, default=0.0)
    return [
        ((score + of_page[page]) / 2 + bonus) / highest
        for score, page, bonus in zip(scores, pages.of_document, pages.bonus, strict=True)
    ]


def _parts(bm25: BM25, document: Content, read: _Read) -> tuple[PartScore, ...]:
    """The scores of the text and of each image alone, which show the image that mattered."""
    parts = [PartScore("text", bm25.score(read.text))] if document.text is not None else []
    parts += [PartScore("image", bm25.score(words), k) for k, words in enumerate(read.images)]
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class _Read:
    """A document as it is read: the tokens of its text and of each image, and all its words."""

    text: list[str]
    images: list[list[str]]
    whole: str

    @property
    def tokens(self) -> list[str]:
        return self.text + [token for image in self.images for token in image]

    @classmethod
    def of(cls, document: Content, in_images: Sequence[str], use_stop_words: bool) -> _Read:
        text = document.text or ""
        return cls(
            tokenize(text, stop_words=use_stop_words),
            [tokenize(words, stop_words=use_stop_words) for words in in_images],
            " ".join([text, *in_images]),
        )
