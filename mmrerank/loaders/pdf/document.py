"""A PDF whose text has been read: pages without running heads, and figures found on demand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

from mmrerank.errors import ImageError, InvalidInputError, MissingDependencyError, warn
from mmrerank.loaders.base import Origin
from mmrerank.loaders.pdf.document_text import DocumentText, read_text
from mmrerank.loaders.pdf.page import (
    Block,
    FigureKey,
    PageFigures,
    PageOptions,
    PDFInfo,
    Profile,
    Region,
)
from mmrerank.loaders.pdf.processes import Pages, in_order
from mmrerank.loaders.saving import image_folder

__all__ = ["PDFDocument", "read_document"]


def read_document(
    pages: Pages,
    origin: Origin,
    numbers: Iterable[int] | None,
    options: PageOptions,
    *,
    draw_scans: bool = False,
) -> PDFDocument:
    """Read the text of the pages with these numbers (from 1), or of all pages.

    `origin` names the document in chunks and messages. `draw_scans` also draws pages that are a
    picture or have no text. A page that cannot be read is left out with a `RerankWarning`.

    Raises `InvalidInputError` for a page that does not exist and an image folder that cannot be
    made, `DocumentError` where no page can be read, and `MissingDependencyError`.
    """
    info = pages.info().result()
    numbers = list(range(1, info.page_count + 1) if numbers is None else numbers)
    if missing := [number for number in numbers if not 1 <= number <= info.page_count]:
        raise InvalidInputError(
            f"{origin} has {info.page_count} pages; there is no page {missing[0]}"
        )
    if info.repaired:
        warn(f"{origin}: is damaged; parts of it that cannot be read are missing")
    text = read_text(pages, str(origin), numbers)
    if options.root:
        image_folder(options.root)
    return PDFDocument(pages, origin, info, text, options, draw_scans=draw_scans)


class PDFDocument:
    """The pages of a PDF that can be read: `numbers`, from 1.

    The text of all pages has been read: `captions` has the pages on which each label is. The
    figures of a page are looked for when they are needed, so that the first chunks of a long
    document need not wait for its last pages.
    """

    def __init__(
        self,
        pages: Pages,
        origin: Origin,
        info: PDFInfo,
        text: DocumentText,
        options: PageOptions,
        *,
        draw_scans: bool = False,
    ) -> None:
        self.origin, self.options, self.outline = origin, options, info.outline
        self.numbers, self.captions = text.numbers, text.captions
        self.labels, self.sizes = text.labels, text.sizes
        self._pages, self._text, self._draw_scans = pages, text, draw_scans
        self._calls: dict[int, Future[PageFigures]] = {}
        self._figures: dict[int, PageFigures] = {}

    @property
    def profile(self) -> Profile:
        """What the pages share."""
        return self._text.profile

    @property
    def words(self) -> Collection[str]:
        """The words of the document in small letters."""
        return self._text.words

    def warn(self, number: int | None, message: str) -> None:
        """Issue a `RerankWarning` about a page, or about the document."""
        place = str(self.origin) if number is None else f"{self.origin}, page {number}"
        warn(f"{place}: {message}")

    def blocks(self, number: int) -> list[Block]:
        """The text of a page without running heads and page numbers, hyphenated words whole."""
        return self._text.blocks(number)

    def is_textless(self, number: int) -> bool:
        """True for a page without text, or with a figure and no text but running heads."""
        return not self._text.line_counts[number] or (
            self._has_running_heads_only(number) and bool(self.figures(number).regions)
        )

    def numbers_ahead(self) -> Iterator[int]:
        """The pages in order, while the figures of the next few are being looked for."""
        for number, _ in in_order(self.numbers, self._start):
            yield number

    def figures(self, number: int) -> PageFigures:
        """The figures of a page and the links on it; nothing for a page that was not read.

        Figures that cannot be read are left out with a `RerankWarning`. Raises `ImageError`
        where an image cannot be written, and `MissingDependencyError`.
        """
        if number not in self.labels:
            return PageFigures()
        if number not in self._figures:
            figures = self._result(number)
            if problem := figures.problem:
                self.warn(number, f"its figures cannot be read; its text is kept ({problem})")
            regions = [self._cleaned(number, region) for region in figures.regions]
            self._figures[number] = replace(figures, regions=regions)
        return self._figures[number]

    def regions(self, number: int) -> dict[FigureKey, Region]:
        """The figures of a page by their keys; errors and warnings as `figures`."""
        return {(number, i): region for i, region in enumerate(self.figures(number).regions)}

    def look_inside(self, number: int, blocks: Sequence[Block]) -> None:
        """Add the figures inside a page that is one picture to those of the page.

        `blocks` is what OCR read in it. Figures that cannot be read are left out with a
        `RerankWarning`. Raises `ImageError` where an image cannot be written, and
        `MissingDependencyError`.
        """
        figures = self.figures(number)
        if [region.kind for region in figures.regions] != ["page"]:
            return
        body_size = self.profile.body_size
        try:
            call = self._pages.figures_inside(number, blocks, body_size, self.options)
            inside = call.result()
        except (MissingDependencyError, ImageError):
            raise
        except Exception as error:  # PyMuPDF raises many kinds; a page may take too long
            reason = str(error) or type(error).__name__
            self.warn(number, f"the figures inside its picture are left out ({reason})")
            return
        self._figures[number] = replace(
            figures,
            regions=[*figures.regions, *inside.regions],
            crops=[*figures.crops, *inside.crops],
        )

    def _has_running_heads_only(self, number: int) -> bool:
        return self._text.line_counts[number] <= len(self._text.running_heads[number])

    def _start(self, number: int) -> Future[PageFigures]:
        """Start looking for the figures of a page, and drawing them; once."""
        if number not in self._calls:
            self._calls[number] = self._call(number, self.options)
        return self._calls[number]

    def _call(
        self, number: int, options: PageOptions, *, retry: bool = False
    ) -> Future[PageFigures]:
        scan_image = self._draw_scans and self._has_running_heads_only(number)
        options = replace(options, scan_image=scan_image)
        return self._pages.figures(number, self.profile, options, retry=retry)

    def _result(self, number: int) -> PageFigures:
        try:
            return self._start(number).result()
        except (MissingDependencyError, ImageError):  # the disk is full: no figure can be saved
            raise
        except Exception as error:  # PyMuPDF raises many kinds; a page may take too long
            return self._without_figures(number, str(error) or type(error).__name__)

    def _without_figures(self, number: int, reason: str) -> PageFigures:
        """Call once more for a page that failed, for its links and its own image only."""
        try:
            options = replace(self.options, figures=False)
            figures = self._call(number, options, retry=True).result()
        except Exception:  # as above
            figures = PageFigures()
        return replace(figures, problem=reason)

    def _cleaned(self, number: int, region: Region) -> Region:
        """A region whose caption is without running heads and broken words."""
        caption = region.caption and self._text.clean(number, region.caption)
        return replace(region, caption=caption)
