"""The options of the PDF loader: as callers write them, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from mmrerank.errors import InvalidInputError
from mmrerank.loaders.pdf.chunks import ChunkOptions
from mmrerank.loaders.pdf.page import MAX_PATHS, PageOptions
from mmrerank.loaders.splitting import Sizes
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader

__all__ = ["PDFOptions", "PDFSettings"]


class PDFOptions(TypedDict, total=False):
    """The options of `PDFLoader`; `PDFSettings` has their defaults.

    Text: `mode`, `chunk_size`, `count_tokens`, `pages`, `password`, `ocr`. Figures: `min_size`,
    `tables`, `page_images`, `max_images_per_chunk`, `destinations`, `context`, `figure_chunks`,
    `markers`, `dpi`.
    Reading: `workers`, `page_timeout`, `max_paths`.
    """

    mode: Literal["chunks", "page"]
    """"chunks" (default) cuts pages along their structure, "page" makes each page a chunk."""

    chunk_size: int
    """The largest chunk, in characters or in what `count_tokens` counts. Default 1000."""

    count_tokens: Callable[[str], int] | None
    """Counts the tokens of a text, to measure chunks in tokens. Default: characters."""

    pages: Iterable[int] | None
    """Read only these pages (from 1), in the order of the document. Default: all."""

    password: str | None
    """The password of an encrypted file."""

    ocr: bool | None
    """None (default) reads pages without a text layer by OCR if the extra `ocr` is installed.

    True requires the extra, and also reads figures without words of their own. False uses no OCR.
    """

    min_size: float
    """The smallest side of a figure, in points. Default 20."""

    tables: bool
    """Tables are figures too, and their cells are text: Markdown, or HTML where cells span others.

    Takes some tenths of a second a page. Default False: the words of tables stay in the text.
    """

    page_images: bool
    """Each chunk also gets the image of its page. Default False."""

    max_images_per_chunk: int | None
    """Keep only that many of the strongest links of a chunk. Default: all."""

    destinations: bool
    """Use the links that the PDF itself has. Default True."""

    context: bool
    """Keep the paragraphs around a figure with it. Default False."""

    figure_chunks: bool | ImageReader
    """Give each figure a chunk of its own too (metadata `kind: "figure"`), with its caption and words.

    Any store then finds a figure by its words. True reads them by OCR if that is installed and the
    text layer lacks them; an `ImageReader` reads them as it is set up. Default False.
    """

    markers: bool
    """Put a marker where the text mentions a figure, for splitters (see `resolve_markers`).

    Default False.
    """

    dpi: int
    """The resolution of images, which have at most 1.2 megapixels. Default 150."""

    workers: int
    """Processes that read pages. Default 1; 0 reads in this one, where nothing can be stopped."""

    page_timeout: float
    """Seconds after which a page loses its figures with a `RerankWarning`. Default 30."""

    max_paths: int
    """The number of drawn paths beyond which a page loses its figures. Default 200,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PDFSettings:
    """The options of a `PDFLoader` with their defaults; see `PDFOptions` for what they mean.

    Raises `InvalidInputError` for a value that cannot be used.
    """

    mode: Literal["chunks", "page"] = "chunks"
    chunk_size: int = 1000
    count_tokens: Callable[[str], int] | None = None
    pages: Iterable[int] | None = None
    password: str | None = field(default=None, repr=False)
    ocr: bool | None = None
    min_size: float = 20.0
    tables: bool = False
    page_images: bool = False
    max_images_per_chunk: int | None = None
    destinations: bool = True
    context: bool = False
    figure_chunks: bool | ImageReader = False
    markers: bool = False
    dpi: int = 150
    workers: int = 1
    page_timeout: float = 30.0
    max_paths: int = MAX_PATHS

    def __post_init__(self) -> None:
        if self.mode not in ("chunks", "page"):
            raise InvalidInputError(f"mode is 'chunks' or 'page', not {self.mode!r}")
        _check_at_least(1, chunk_size=self.chunk_size, dpi=self.dpi)
        _check_at_least(0, workers=self.workers)
        if self.max_images_per_chunk is not None:
            _check_at_least(0, max_images_per_chunk=self.max_images_per_chunk)
        if self.page_timeout <= 0:
            raise InvalidInputError(f"page_timeout is more than 0 s, not {self.page_timeout:g} s")
        if self.pages is not None:  # an iterator would be empty for the second document
            object.__setattr__(self, "pages", tuple(sorted(set(self.pages))))

    def page_options(self, root: Path) -> PageOptions:
        """What is looked for on each page; images are saved under `root`."""
        return PageOptions(
            root=root,
            dpi=self.dpi,
            tables=self.tables,
            targets=self.destinations,
            min_size=self.min_size,
            max_paths=self.max_paths,
            page_images=self.page_images,
        )

    def chunk_options(self) -> ChunkOptions:
        """How chunks are made; OCR only where it is installed, unless it is required."""
        return ChunkOptions(
            sizes=Sizes(self.chunk_size, self.count_tokens or len),
            mode=self.mode,
            max_images_per_chunk=self.max_images_per_chunk,
            context=self.context,
            markers=self.markers,
            ocr_pages=has_ocr() if self.ocr is None else self.ocr,
            ocr_figures=self.ocr is True,
        )


def _check_at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise InvalidInputError(f"{name} is at least {least}, not {value}")
