"""PDF files: text in chunks, and the figures that belong to each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Unpack

from mmrerank.loaders.base import Chunk, Figure, Origin
from mmrerank.loaders.figure_chunks import with_figure_chunks
from mmrerank.loaders.pdf.chunks import ChunkBuilder
from mmrerank.loaders.pdf.document import PDFDocument, read_document
from mmrerank.loaders.pdf.options import PDFOptions, PDFSettings
from mmrerank.loaders.pdf.processes import open_pages

__all__ = ["PDFLoader"]


class PDFLoader:
    """Loads a PDF as chunks of text with references to the figures that belong to them.

    The text of all pages is read first, so that a chunk may refer to a figure on a later page;
    then the chunks come page by page, while the figures of the next pages are looked for. Figures
    are saved under `image_root` as PNG files named by a hash of their content.

    `options` are those of `PDFOptions`: the size of chunks (`mode`, `chunk_size`,
    `count_tokens`), what is read (`pages`, `password`, `ocr`), which images there are (`tables`,
    `page_images`, `figure_chunks`, `min_size`, `dpi`) and how they are linked (`max_images_per_chunk`,
    `destinations`, `context`, `markers`), and how the file is read (`workers`, `page_timeout`,
    `max_paths`).

    A page that takes too long or draws too much, and a figure that is damaged, is left out with a
    `RerankWarning`; the text of the page is kept. Creating a loader raises `InvalidInputError` for
    options that cannot be used. Its methods raise `DocumentError` for a file that cannot be read,
    `InvalidInputError` for a page that does not exist or an `image_root` that cannot be made,
    `ImageError` where a figure cannot be written, and `MissingDependencyError`.
    """

    options: ClassVar[type] = PDFOptions
    """The keywords that a loader takes besides `image_root`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[PDFOptions],
    ) -> None:
        self.path = os.fspath(path)
        self.origin = Origin(self.path)
        self.settings = PDFSettings(**options)
        self._chunk_options = self.settings.chunk_options()
        self._root = Path(image_root).absolute()  # the caller may change the working folder

    def load(self) -> list[Chunk]:
        """All chunks of the document, in reading order."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one; the file is closed at the end, or when the iterator is dropped."""
        with self.open() as (_, builder):
            yield from with_figure_chunks(builder.chunks(), self._root, self.settings.figure_chunks)

    def figures(self) -> list[Figure]:
        """All figures of the document, in page order, saved under the image root."""
        with self.open() as (_, builder):
            return list(builder.figures())

    @contextmanager
    def open(self) -> Iterator[tuple[PDFDocument, ChunkBuilder]]:
        """The document, its text read, and what makes its chunks; open in the `with` block."""
        settings, options = self.settings, self._chunk_options
        pages = open_pages(
            self.path, settings.password, workers=settings.workers, timeout=settings.page_timeout
        )
        try:
            document = read_document(
                pages,
                self.origin,
                settings.pages,
                settings.page_options(self._root),
                draw_scans=options.ocr_pages,
            )
            yield document, ChunkBuilder(document, self._root, options)
        finally:
            pages.close()
