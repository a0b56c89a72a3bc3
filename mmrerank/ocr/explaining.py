"""Explains the score of `OCRReranker`, exactly: which words matched, and where they are."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmrerank.explanation import Box, Explanation, ImageWord, WordWeight
from mmrerank.images.facts import image_facts
from mmrerank.ocr.bm25 import BM25, Token, locate_tokens, tokenize
from mmrerank.ocr.engine import ReadLine, has_ocr
from mmrerank.ocr.words import ImageReader
from mmrerank.types import Content, Image

__all__ = ["Located", "explanation"]


_Text = tuple[str, int | None, ReadLine | None]
"""A text, the image that it is in, and the line that OCR read."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A text that begins at `start` of a joined text: the user's, or one in the image `image`.

    `line` is what OCR read it from, None for a text layer or caption.
    """

    start: int
    text: str
    image: int | None = None
    line: ReadLine | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A query or document as it is scored: its tokens, in order, each with its place."""

    content: Content
    tokens: list[tuple[Token, _Source]]

    @property
    def words(self) -> list[str]:
        """The tokens alone."""
        return [token for (token, _, _), _ in self.tokens]

    @classmethod
    def query(cls, text: str, content: Content, reader: ImageReader, stop_words: bool) -> Located:
        """A query: its text and the words in all of its images are tokenised as one."""
        texts: list[_Text] = [(text, None, None)]
        for number, image in enumerate(content.images):
            texts += [(one, number, line) for one, line in reader.texts(image)]
        return cls(content, list(_located(texts, stop_words)))

    @classmethod
    def document(
        cls, content: Content, max_images: int, reader: ImageReader, stop_words: bool
    ) -> Located:
        """A document: its text and each of its first images are tokenised on their own."""
        tokens = list(_located([(content.text or "", None, None)], stop_words))
        for number, image in enumerate(content.images[:max_images]):
            tokens += _located(
                [(text, number, line) for text, line in reader.texts(image)], stop_words
            )
        return cls(content, tokens)


def _located(texts: Sequence[_Text], stop_words: bool) -> Iterator[tuple[Token, _Source]]:
    """The tokens of texts that are joined by spaces, each with its place in its own text.

    No token spans a space.
    """
    sources: list[_Source] = []
    start = 0
    for text, image, line in texts:
        sources.append(_Source(start, text, image, line))
        start += len(text) + 1
    starts = [source.start for source in sources]
    joined = " ".join(source.text for source in sources)
    for token, first, behind in locate_tokens(joined, stop_words=stop_words):
        source = sources[bisect_right(starts, first) - 1]
        yield (token, first - source.start, behind - source.start), source


def explanation(
    model: str, bm25: BM25, query: Located, document: Located, reader: ImageReader
) -> Explanation:
    """The explanation of the document's BM25 score.

    What a word adds is shared equally by its places, and what a pair of neighbours adds by the two.
    Raises `ImageError` for an image that cannot be read.
    """
    gains = bm25.contributions(document.words)
    score = bm25.score(document.words)
    asked, asked_in_images = _words(query, _shared(query.words, gains), reader)
    found, found_in_images = _words(document, _shared(document.words, gains), reader)
    return Explanation(
        model=model,
        method="bm25",
        score=score,
        output=score,
        baseline=0.0,
        gap=0.0,
        query_baseline=0.0,
        query_gap=0.0,
        query=asked,
        document=found,
        query_image_words=asked_in_images,
        image_words=found_in_images,
    )


def _shared(words: Sequence[str], gains: dict[str | tuple[str, str], float]) -> list[float]:
    """The share of each token in what its word, and the pairs that it is in, add to the score."""
    pairs = list(pairwise(words))
    counts: Counter[str | tuple[str, str]] = Counter(words)
    counts.update(pairs)
    shares = [gains.get(word, 0.0) / counts[word] for word in words]
    for i, pair in enumerate(pairs):
        half = gains.get(pair, 0.0) / counts[pair] / 2
        shares[i] += half
        shares[i + 1] += half
    return shares


def _words(
    located: Located, shares: Sequence[float], reader: ImageReader
) -> tuple[tuple[WordWeight, ...], tuple[ImageWord, ...]]:
    """The words that matched in the text and in the images; those that overlap are one word."""
    places: dict[_Source, list[tuple[int, int, float]]] = defaultdict(list)
    for ((_, start, end), source), share in zip(located.tokens, shares, strict=True):
        if share:
            places[source].append((start, end, share))
    in_text: list[WordWeight] = []
    in_images: list[ImageWord] = []
    boxes = _Boxes(located.content.images, reader)
    for source, own in places.items():
        for start, end, weight in _merged(own):
            text = source.text[start:end]
            if source.image is None:
                in_text.append(WordWeight(text=text, start=start, end=end, weight=weight))
            else:
                box = boxes.of(source.image, source.line, text)
                in_images.append(ImageWord(image=source.image, text=text, weight=weight, box=box))
    in_images.sort(key=lambda word: -word.weight)
    return tuple(in_text), tuple(in_images)


def _merged(places: Sequence[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    """Places with their weights; those that overlap are one, with the sum of the weights."""
    merged: list[tuple[int, int, float]] = []
    for start, end, weight in sorted(places):
        if merged and start < merged[-1][1]:
            first, behind, before = merged.pop()
            merged.append((first, max(behind, end), before + weight))
        else:
            merged.append((start, end, weight))
    return merged


class _Boxes:
    """Finds words in images: in the line that they were read from, or in one that has them too."""

    def __init__(self, images: Sequence[Image], reader: ImageReader) -> None:
        self._images, self._reader = images, reader
        self._lines: dict[int, dict[str, ReadLine]] = {}

    def of(self, image: int, line: ReadLine | None, word: str) -> Box | None:
        """The box of the word's line in pixels of the image; None if the place is not known."""
        if line is None:  # of a text layer or caption
            tokens, lines = tokenize(word, stop_words=True), self._lines_of(image)
            line = next((lines[token] for token in tokens if token in lines), None)
        if line is None:
            return None
        facts = image_facts(self._images[image])
        x0, y0, x1, y1 = line.box
        return (x0 * facts.width, y0 * facts.height, x1 * facts.width, y1 * facts.height)

    def _lines_of(self, image: int) -> dict[str, ReadLine]:
        """The first line that has each word, as OCR reads the image; empty without OCR."""
        if image not in self._lines:
            can_read = self._reader.uses_ocr and has_ocr()
            lines = self._reader.lines(self._images[image]) if can_read else []
            self._lines[image] = {
                token: line
                for line in reversed(lines)
                for token in tokenize(line.text, stop_words=True)
            }
        return self._lines[image]
