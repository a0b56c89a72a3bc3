"""PDF files: text in chunks, and the figures that belong to each."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmrerank.errors import (
    DocumentError,
    InvalidInputError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.loaders.base import (
    Box,
    Chunk,
    Figure,
    Link,
    LinkKind,
    chunk_id,
    image_folder,
    need,
    part_inside,
    save_figure,
    strongest,
)
from mmrerank.loaders.captions import find_references, without_contents
from mmrerank.loaders.chunking import Block, PageChunk, chunk_page, gather, read_blocks
from mmrerank.loaders.figures import ImageKey, Region, find_regions, image_keys

__all__ = ["PDFLoader", "PDFReading", "open_pdf"]

_MOST_PIXELS = 1_200_000
_MOST_SIDE = 4000  # pixels
_LEAST_SIDE = 32  # pixels: vision models refuse or blur less
_REPEATED, _REPEATED_PAGES = 0.25, 3  # part of the pages, and pages at the least

_Key = tuple[int, int]
"""A figure of the document: its page from 1, its place on the page from 0."""


class PDFLoader:
    """Loads a PDF as chunks of text with references to the figures that belong to them.

    The first pass finds the figures and captions of all pages, the second gives the chunks, so
    that a chunk may refer to a figure on a later page. Figures are saved under `image_root` as
    PNG files named by a hash of their content, when a chunk first needs them.

    `chunk_size` is in characters. `dpi` is for the figures; a figure has 1.2 megapixels at the
    most. `max_images_per_chunk` keeps the strongest links only. `pages` (from 1) reads these pages
    only, in the order of the document. PyMuPDF is not safe in several threads at once: load
    several files with processes.

    Raises `DocumentError` for a file that cannot be read, `InvalidInputError` for options that
    cannot be used, `ImageError` where a figure cannot be written, and `MissingDependencyError`.
    A page, or a figure, that cannot be read is left out, alone, with a `RerankWarning` that says so.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        chunk_size: int = 1000,
        dpi: int = 150,
        max_images_per_chunk: int | None = None,
        password: str | None = None,
        pages: Iterable[int] | None = None,
    ) -> None:
        if chunk_size < 1 or dpi < 1:
            raise InvalidInputError(f"chunk_size and dpi are at least 1, not {chunk_size}, {dpi}")
        if max_images_per_chunk is not None and max_images_per_chunk < 0:
            raise InvalidInputError("max_images_per_chunk is None or at least 0")
        self.path = os.fspath(path)
        self.image_root = Path(image_root)
        self.chunk_size = chunk_size
        self.dpi = dpi
        self.max_images_per_chunk = max_images_per_chunk
        self.password = password
        self.pages = None if pages is None else sorted(set(pages))

    def load(self) -> list[Chunk]:
        """All chunks of the document, in reading order."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one; the file is closed at the end, or when the iterator is dropped."""
        with open_pdf(self.path, self.password) as document:
            reading = PDFReading(
                document, self.path, self.image_root, dpi=self.dpi, pages=self.pages
            )
            for position, (page, chunk, links) in enumerate(reading.chunks(self.chunk_size)):
                kept = tuple(links[: self.max_images_per_chunk])
                content = "\0".join([chunk.text, *(link.figure.ref for link in kept)])
                identity = chunk_id(self.path, position, content)
                yield Chunk(identity, chunk.text, self.path, page, position, kept)

    def figures(self) -> list[Figure]:
        """All figures of the document, in page order, saved under the image root."""
        with open_pdf(self.path, self.password) as document:
            return PDFReading(
                document, self.path, self.image_root, dpi=self.dpi, pages=self.pages
            ).figures()


@contextmanager
def open_pdf(path: str, password: str | None = None) -> Iterator[Any]:
    """A PyMuPDF document that is closed in the end; `DocumentError` says why a file is none."""
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    _check_file(path)
    try:
        document = pymupdf.open(path, filetype="pdf")
    except Exception as error:  # FileDataError, RuntimeError and more, by kind of damage
        raise DocumentError(path, f"cannot be read as a PDF ({error})") from error
    try:
        if document.needs_pass and password is None:
            raise DocumentError(path, "is encrypted and needs a password")
        if document.needs_pass and not document.authenticate(password):
            raise DocumentError(path, "is encrypted, and the password is wrong")
        if not document.is_pdf:
            raise DocumentError(path, "is not a PDF")
        if document.page_count == 0:
            raise DocumentError(path, "has no pages that can be read")
        yield document
    finally:
        document.close()


def _check_file(path: str) -> None:
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        raise DocumentError(path, "does not exist") from None
    except (OSError, ValueError) as error:  # no permission; a null character in the name
        raise DocumentError(path, f"cannot be opened ({error})") from error
    if Path(path).is_dir():
        raise DocumentError(path, "is a folder, not a file")
    if not Path(path).is_file():
        raise DocumentError(path, "is not a regular file")
    if size == 0:
        raise DocumentError(path, "is empty (0 bytes)")


class PDFReading:
    """One open document: its figures are found on creation, and saved when first asked for.

    `numbers` are the pages that can be read, from 1.
    """

    def __init__(
        self,
        document: Any,
        source: str,
        image_root: Path,
        *,
        dpi: int = 150,
        pages: Sequence[int] | None = None,
    ) -> None:
        self._document, self._source, self._dpi = document, source, dpi
        self._root = image_folder(image_root)
        wanted = range(1, document.page_count + 1) if pages is None else pages
        if wrong := [number for number in wanted if not 1 <= number <= document.page_count]:
            raise InvalidInputError(f"{source} has {document.page_count} pages, no page {wrong[0]}")
        self.numbers: list[int] = []
        self._latest: tuple[int, list[Block]] = (0, [])
        self._regions = dict(self._survey(wanted))
        self._figures: dict[_Key, Figure | None] = {}
        self._labels: dict[str, list[_Key]] = {}
        for key, region in self._regions.items():
            if region.label:
                self._labels.setdefault(region.label, []).append(key)

    def _survey(self, wanted: Sequence[int]) -> Iterator[tuple[_Key, Region]]:
        """The first pass. A page that cannot be read is lost alone, and is warned of."""
        repeated = self._repeated_images(wanted)
        sizes: Counter[float] = Counter()
        for number in wanted:
            try:
                blocks = self._blocks(number)
            except Exception as error:  # as in open_pdf
                self._warn(
                    number, f"cannot be read and is left out; other pages are kept ({error})"
                )
                continue
            self.numbers.append(number)
            for block in blocks:
                sizes[block.size] += len(block.text)
            for index, region in enumerate(self._found(number, blocks, sizes, repeated)):
                yield (number, index), region
        if not self.numbers:
            raise DocumentError(self._source, "none of its pages can be read")

    def _found(
        self, number: int, blocks: list[Block], sizes: Counter[float], repeated: set[ImageKey]
    ) -> list[Region]:
        # The size of most text of the pages so far, or a page of notes would have its own.
        body = sizes.most_common(1)[0][0] if sizes else 0.0
        try:
            page = self._document.load_page(number - 1)
            return find_regions(page, blocks, body_size=body, repeated=repeated)
        except MissingDependencyError:
            raise
        except Exception as error:  # as in open_pdf
            self._warn(number, f"its figures cannot be read; its text is kept ({error})")
            return []

    def _repeated_images(self, wanted: Sequence[int]) -> set[ImageKey]:
        """Images on so many pages that they are furniture: logos, backgrounds, rules."""
        counts: Counter[ImageKey] = Counter()
        for number in wanted if len(wanted) >= _REPEATED_PAGES else ():
            with suppress(Exception):  # the survey meets it again, and warns
                counts.update(image_keys(self._document.load_page(number - 1)))
        least = max(_REPEATED_PAGES, _REPEATED * len(wanted))
        return {image for image, count in counts.items() if count >= least}

    def _blocks(self, number: int) -> list[Block]:
        if self._latest[0] != number:  # a page's chunks and its figures ask for the same text
            self._latest = (number, read_blocks(self._document.load_page(number - 1)))
        return self._latest[1]

    def _warn(self, number: int, message: str) -> None:
        warnings.warn(f"{self._source}, page {number}: {message}", RerankWarning, stacklevel=2)

    def figures(self) -> list[Figure]:
        """All figures of the document, saved, in page order."""
        return [figure for key in self._regions if (figure := self._figure(key))]

    def page_texts(self) -> Iterator[tuple[int, str]]:
        """The number and the text of each page."""
        for number in self.numbers:
            yield number, "\n".join(block.text for block in self._blocks(number))

    def cited(self, text: str, page: int) -> list[Link]:
        """Links to the figures that `text` names, on any page.

        Where several figures have the same label the nearest to `page` is meant.
        """
        labels = find_references(without_contents(text), self._labels)
        meant = [min(self._labels[label], key=lambda key: abs(key[0] - page)) for label in labels]
        return self._links((key, "reference", 1.0) for key in meant)

    def chunks(self, chunk_size: int) -> Iterator[tuple[int, PageChunk, list[Link]]]:
        """The second pass: page, chunk and links, strongest first, in reading order."""
        for number in self.numbers:
            here = {key: region for key, region in self._regions.items() if key[0] == number}
            blocks = gather(self._blocks(number), [region.box for region in here.values()])
            chunks = chunk_page(blocks, chunk_size)
            if not chunks and here:
                chunks = [PageChunk(())]  # a page that is nothing but an image is not lost
            near = [_nearest(region, chunks) for region in here.values()]
            for index, chunk in enumerate(chunks):
                captioned = {key: _caption_of(here[key], chunk) for key in here}
                links = self.cited(_without_captions(chunk, here.values()), number)
                links += self._links((key, "caption", 0.9) for key in here if captioned[key])
                links += self._links(
                    (key, kind, score)
                    for key, (place, kind, score) in zip(here, near, strict=True)
                    if place == index and not here[key].label
                )
                yield number, chunk, strongest(links)

    def _links(self, found: Iterable[tuple[_Key, LinkKind, float]]) -> list[Link]:
        return [
            Link(figure, kind, score) for key, kind, score in found if (figure := self._figure(key))
        ]

    def _figure(self, key: _Key) -> Figure | None:
        """The figure, rendered and saved the first time; None where that fails, with a warning."""
        if key not in self._figures:
            region, number = self._regions[key], key[0]
            page = self._document.load_page(number - 1)
            self._figures[key] = None
            try:
                data = _rendered(page, region.box, self._dpi)
            except Exception as error:  # as in open_pdf
                self._warn(number, f"a figure cannot be drawn and is left out ({error})")
                return None
            self._figures[key] = save_figure(
                self._root,
                data,
                source=self._source,
                page=number,
                box=region.box,
                kind=region.kind,
                caption=region.caption.text if region.caption else "",
                label=region.label,
                words=_words(self._blocks(number), region.box),
            )
        return self._figures[key]


def _rendered(page: Any, box: Box, dpi: int) -> bytes:
    """The PNG file of what the page shows in the box, within the limits of size."""
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    width, height = max(box[2] - box[0], 1.0), max(box[3] - box[1], 1.0)
    scale = max(dpi / 72.0, _LEAST_SIDE / min(width, height))
    scale = min(scale, math.sqrt(_MOST_PIXELS / (width * height)), _MOST_SIDE / max(width, height))
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=pymupdf.Rect(box))
    return bytes(pixels.tobytes("png"))


def _words(blocks: Sequence[Block], box: Box) -> str:
    """The text layer of a box, in reading order."""
    lines = [line for block in blocks for line in block.lines]
    return " ".join(line.text for line in lines if part_inside(line.box, box) > 0.5)


def _caption_of(region: Region, chunk: PageChunk) -> bool:
    """Whether the caption of the region begins in the chunk."""
    return any(piece.first and piece.block == region.caption for piece in chunk.pieces)


def _without_captions(chunk: PageChunk, regions: Collection[Region]) -> str:
    """The chunk's text where a caption does not refer to itself."""
    captions = [region.caption for region in regions]
    texts = []
    for piece in chunk.pieces:
        caption = piece.block.caption
        own = piece.first and caption and piece.block in captions
        texts.append(piece.text[caption.title :] if own and caption else piece.text)
    return "\n\n".join(texts)


def _nearest(region: Region, chunks: Sequence[PageChunk]) -> tuple[int, LinkKind, float]:
    """The chunk that a figure without a caption belongs to, by its text in the same column."""

    def distance(chunk: PageChunk, *, column: bool) -> float:
        """Points of white between the figure and the chunk, up or down."""
        boxes = [piece.block.box for piece in chunk.pieces]
        if column:
            boxes = [box for box in boxes if box[0] < region.box[2] and box[2] > region.box[0]]
        gaps = [max(box[1] - region.box[3], region.box[1] - box[3], 0.0) for box in boxes]
        return min(gaps, default=math.inf)

    in_column = [distance(chunk, column=True) for chunk in chunks]
    if min(in_column, default=math.inf) < math.inf:
        return in_column.index(min(in_column)), "column", 0.5
    on_page = [distance(chunk, column=False) for chunk in chunks]
    return on_page.index(min(on_page)) if on_page else 0, "page", 0.3
