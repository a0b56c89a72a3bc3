"""PDF files: text in chunks, and the figures that belong to each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from mmrerank.errors import InvalidInputError
from mmrerank.loaders.base import Chunk, Figure
from mmrerank.loaders.pdf.chunks import PDFReading, ReadingOptions
from mmrerank.loaders.pdf.document import Surveyed
from mmrerank.loaders.pdf.page import MAX_PATHS, SurveyOptions
from mmrerank.loaders.pdf.processes import open_pages
from mmrerank.loaders.splitting import Sizes
from mmrerank.ocr.engine import has_ocr

__all__ = ["PDFLoader"]


class PDFLoader:
    """Loads a PDF as chunks of text with references to the figures that belong to them.

    The text of all pages is read first, so that a chunk may refer to a figure on a later page;
    then the chunks come page by page, while the figures of the next pages are found. Figures are saved under `image_root` as
    PNG files named by a hash of their content.

    What a chunk is: `mode="chunks"` cuts pages along their structure into at most `chunk_size`
    characters, or tokens where `count_tokens` counts them; `mode="page"` makes a page a chunk.
    `pages` (from 1) reads these pages only, in the order of the document. Pages without a
    text layer are read by OCR where the extra `ocr` is installed; `ocr=True` insists on that, and
    reads the figures that have no words too; `ocr=False` leaves such pages without text.

    What its images are: figures of at least `min_size` points a side, tables too with
    `tables=True`, which takes some tenths of a second a page; `page_images=True` adds the page's rendering. `max_images_per_chunk` keeps the
    strongest links only. `destinations=False` ignores the links that the PDF itself has.
    `context=True` keeps the paragraphs around a figure with it. `markers=True` puts a marker
    where the text speaks of a figure, for splitters (see `resolve_markers`). `dpi` is for all
    images; each has 1.2 megapixels at the most.

    How it is read: in `workers` processes; 0 reads in this one, where nothing can be stopped. A
    page that takes longer than `page_timeout` seconds, or draws more than `max_paths` paths,
    loses its figures with a `RerankWarning`; so does a page or figure that is damaged.

    Raises `DocumentError` for a file that cannot be read, `InvalidInputError` for options that
    cannot be used, `ImageError` where a figure cannot be written, and `MissingDependencyError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        mode: Literal["chunks", "page"] = "chunks",
        chunk_size: int = 1000,
        count_tokens: Callable[[str], int] | None = None,
        pages: Iterable[int] | None = None,
        password: str | None = None,
        ocr: bool | None = None,
        min_size: float = 20.0,
        tables: bool = False,
        page_images: bool = False,
        max_images_per_chunk: int | None = None,
        destinations: bool = True,
        context: bool = False,
        markers: bool = False,
        dpi: int = 150,
        workers: int = 1,
        page_timeout: float = 30.0,
        max_paths: int = MAX_PATHS,
    ) -> None:
        if chunk_size < 1 or dpi < 1:
            raise InvalidInputError(f"chunk_size and dpi are at least 1, not {chunk_size}, {dpi}")
        if max_images_per_chunk is not None and max_images_per_chunk < 0:
            raise InvalidInputError("max_images_per_chunk is None or at least 0")
        if mode not in ("chunks", "page"):
            raise InvalidInputError(f"mode is 'chunks' or 'page', not {mode!r}")
        if workers < 0 or page_timeout <= 0:
            raise InvalidInputError("workers is at least 0, page_timeout more than 0 seconds")
        self.path = os.fspath(path)
        self.pages = None if pages is None else sorted(set(pages))
        self._password, self._workers, self._timeout = password, workers, page_timeout
        self._root = Path(image_root).absolute()  # also where the caller changes folders
        self._survey = SurveyOptions(
            root=self._root,
            dpi=dpi,
            tables=tables,
            targets=destinations,
            min_size=min_size,
            max_paths=max_paths,
            page_images=page_images,
        )
        self._reading = ReadingOptions(
            sizes=Sizes(chunk_size, count_tokens or len),
            mode=mode,
            max_images_per_chunk=max_images_per_chunk,
            context=context,
            markers=markers,
            ocr_pages=ocr is True or (ocr is None and has_ocr()),
            ocr_figures=ocr is True,
        )

    def load(self) -> list[Chunk]:
        """All chunks of the document, in reading order."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one; the file is closed at the end, or when the iterator is dropped."""
        with self.open() as (_, reading):
            yield from reading.chunks()

    def figures(self) -> list[Figure]:
        """All figures of the document, in page order, saved under the image root."""
        with self.open() as (_, reading):
            return list(reading.figures())

    @contextmanager
    def open(self) -> Iterator[tuple[Surveyed, PDFReading]]:
        """The document after its first pass, until the end of the `with` block."""
        pages = open_pages(self.path, self._password, workers=self._workers, timeout=self._timeout)
        try:
            document = Surveyed(
                pages, self.path, self.pages, self._survey, scans=self._reading.ocr_pages
            )
            yield document, PDFReading(document, self._root, self._reading)
        finally:
            pages.close()
