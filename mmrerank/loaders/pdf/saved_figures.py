"""The figures of a document: what is known of each, saved beside its image."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mmrerank.errors import ImageError
from mmrerank.loaders.base import Figure
from mmrerank.loaders.pdf.document import PDFDocument
from mmrerank.loaders.pdf.packing import collect_labels
from mmrerank.loaders.pdf.page import BLOCK_SEPARATOR, Block, Crop, FigureKey, Region
from mmrerank.loaders.saving import save_facts
from mmrerank.ocr.engine import ReadLine
from mmrerank.ocr.words import ImageReader, default_cache_dir, is_readable
from mmrerank.types import Image

__all__ = ["SavedFigures"]

_SCANS_AHEAD = 16  # pages whose scans are read at the same time

_PAGE_IMAGE = -1
"""The index of a page's own image among its figures."""


class SavedFigures:
    """The figures of a document by their keys, saved under `root` on first use.

    `context` adds the paragraphs around each. `ocr_pages` reads the words of scans by OCR,
    `ocr_figures` also those of figures without words in the text layer.
    """

    def __init__(
        self,
        document: PDFDocument,
        root: Path,
        *,
        context: bool = False,
        ocr_pages: bool = False,
        ocr_figures: bool = False,
    ) -> None:
        self._document, self._root = document, root
        self._context, self._ocr_figures = context, ocr_figures
        self._figures: dict[FigureKey, Figure | None] = {}
        self._saved: set[str] = set()
        self._reader = ImageReader(default_cache_dir()) if ocr_pages else None
        self._ahead = ExitStack()
        self._seen_ahead: set[int] = set()

    def close(self) -> None:
        """Give up what is being read ahead."""
        self._ahead.close()

    def read_ahead(self, number: int) -> None:
        """Start reading the scans of a page and of those after it, if this page is a scan.

        Errors and warnings as `PDFDocument.figures`.
        """
        if self._reader is None or number in self._seen_ahead:
            return
        if not self._document.is_textless(number):
            return
        self.close()
        first = self._document.numbers.index(number)
        pages = self._document.numbers[first : first + _SCANS_AHEAD]
        self._seen_ahead.update(pages)
        drawn = [self._document.figures(page) for page in pages if self._document.is_textless(page)]
        crops = [crop for page in drawn for crop in (*page.crops, page.page_image)]
        images = [Image.from_path(self._root / crop.ref) for crop in crops if crop and crop.ref]
        self._ahead.enter_context(self._reader.reading_ahead(images))

    def get(self, key: FigureKey) -> Figure | None:
        """A figure; None if it cannot be drawn, with a `RerankWarning`.

        Raises `ImageError` where it cannot be saved, and errors as `PDFDocument.figures`.
        """
        if key not in self._figures:
            self._save_page(key[0])
        return self._figures.get(key)

    def page_image(self, number: int) -> Figure | None:
        """The image of a page, if it was drawn; errors and warnings as `get`."""
        return self.get((number, _PAGE_IMAGE))

    def lines_of_page(self, number: int) -> list[ReadLine]:
        """What OCR reads in the image of a page; [] without OCR or without an image."""
        figure = self.page_image(number)
        return [] if figure is None else self._lines(number, figure.ref)

    def _lines(self, number: int, ref: str) -> list[ReadLine]:
        """What OCR reads in an image of a page; [] without OCR, or, with a warning, if it fails."""
        if self._reader is None:
            return []
        try:
            return self._reader.lines(Image.from_path(self._root / ref))
        except ImageError as error:
            self._document.warn(number, f"the words in an image are left out ({error.reason})")
            return []

    def _save_page(self, number: int) -> None:
        figures = self._document.figures(number)
        drawn = dict(enumerate(zip(figures.regions, figures.crops, strict=True)))
        if figures.page_image:
            width, height = self._document.sizes[number]
            page = Region((0.0, 0.0, width, height), "page")
            drawn[_PAGE_IMAGE] = page, figures.page_image
        blocks = self._document.blocks(number) if self._context else []
        for index, (region, crop) in drawn.items():
            self._figures[number, index] = self._save(number, region, crop, blocks)

    def _save(
        self, number: int, region: Region, crop: Crop, blocks: Sequence[Block]
    ) -> Figure | None:
        if crop.problem:
            problem = f"a figure cannot be drawn and is left out ({crop.problem})"
            self._document.warn(number, problem)
            return None
        figure = Figure(
            ref=crop.ref,
            source=self._document.origin.source,
            page=number,
            box=region.box,
            kind=region.kind,
            caption=region.caption.text if region.caption else "",
            label=region.label,
            words=self._words(number, crop),
            context=_context(region, blocks),
        )
        if (
            figure.ref not in self._saved
        ):  # equal pixels are one file: the first figure's facts stay
            self._saved.add(figure.ref)
            save_facts(self._root, figure)
        return figure

    def _words(self, number: int, crop: Crop) -> str:
        """The words of a figure: its text layer, or what OCR reads in scans and where it is empty."""
        if crop.by_ocr and not self._ocr_figures:
            return crop.words
        scan = self._document.is_textless(number)  # its text layer is at most a running head
        ocr = scan or (self._ocr_figures and not is_readable(crop.words))
        lines = self._lines(number, crop.ref) if ocr else []
        return " ".join(line.text for line in lines) or crop.words


def _context(region: Region, blocks: Sequence[Block]) -> str:
    """The paragraphs before and after a figure in reading order, without its own labels."""
    outside = collect_labels(blocks, [region.box])
    places = (i for i, b in enumerate(outside) if b.in_figure or b == region.caption)
    place = next(places, None)
    if place is None:
        below = (i for i, b in enumerate(outside) if b.box[1] >= region.box[3])
        place = next(below, len(outside))
        near = outside[max(place - 1, 0) : place + 1]
    else:
        around = outside[max(place - 1, 0) : place] + outside[place + 1 : place + 2]
        near = [block for block in around if block != region.caption]
    return BLOCK_SEPARATOR.join(block.text for block in near)
