"""The second pass over a PDF: pages to chunks, each with the figures that belong to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmrerank.errors import ImageError
from mmrerank.loaders.base import (
    Chunk,
    Figure,
    Link,
    chunk_id,
    image_folder,
    save_facts,
    strongest,
)
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.chunking import PageChunk, Sizes, chunk_page, gather
from mmrerank.loaders.headings import Headings
from mmrerank.loaders.links import SCORES, Found, Key, Linker
from mmrerank.loaders.regions import Region
from mmrerank.loaders.survey import Crop, PageSurvey
from mmrerank.loaders.surveyed import Surveyed, in_order
from mmrerank.loaders.text import Block, Line
from mmrerank.loaders.worker import Pages
from mmrerank.refs import with_markers
from mmrerank.types import Image
from mmrerank.words import ImageReader, default_cache_dir, is_readable

__all__ = ["Figures", "PDFReading", "ReadingOptions"]

_WHOLE = -1
"""The place of a page's own rendering among its figures."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What chunks are made of; see `PDFLoader`."""

    image_root: Path
    sizes: Sizes = field(default_factory=lambda: Sizes(1000))
    mode: Literal["chunks", "page"] = "chunks"
    dpi: int = 150
    max_images_per_chunk: int | None = None
    page_images: bool = False
    context: bool = False
    markers: bool = False
    ocr_pages: bool = False
    """Read by OCR what stands on pages without a text layer."""
    ocr_figures: bool = False
    """Read by OCR also figures that have no words of their own."""


class Figures:
    """The figures of a document, rendered and saved when they are first asked for."""

    def __init__(self, pages: Pages, document: Surveyed, options: ReadingOptions) -> None:
        self._pages, self._document, self._options = pages, document, options
        self._root = image_folder(options.image_root)
        self._calls: dict[int, Future[list[Crop]]] = {}
        self._done: dict[Key, Figure | None] = {}
        self._reader = ImageReader(default_cache_dir()) if options.ocr_pages else None

    def ask(self, number: int) -> Future[list[Crop]]:
        """Start rendering a page's figures."""
        if number not in self._calls:
            regions = list(self._regions(number).values())
            if regions:
                call = self._pages.submit("crops", number, regions, self._root, self._options.dpi)
            else:
                call = Future()
                call.set_result([])
            self._calls[number] = call
        return self._calls[number]

    def _regions(self, number: int) -> dict[Key, Region]:
        regions = self._document.regions_of(number)
        textless = self._options.ocr_pages and number in self._document.without_text
        if self._options.page_images or textless:
            whole: Box = (0.0, 0.0, *self._document.sizes[number])
            regions[number, _WHOLE] = Region(whole, "page")
        return regions

    def get(self, key: Key) -> Figure | None:
        """A figure, saved; None where it cannot be drawn, with a warning."""
        if key not in self._done:
            self._finish(key[0])
        return self._done[key]

    def whole_page(self, number: int) -> Figure | None:
        """The rendering of a page."""
        return self.get((number, _WHOLE))

    def _finish(self, number: int) -> None:
        regions = self._regions(number)
        try:
            crops = self.ask(number).result()
        except ImageError:  # the disk is full: no figure could be saved
            raise
        except Exception as error:  # PyMuPDF raises many kinds; a page may take too long
            crops = [Crop("", problem=str(error))] * len(regions)
        blocks = self._document.page(number).blocks if self._options.context else []
        for (key, region), crop in zip(regions.items(), crops, strict=True):
            self._done[key] = self._figure(key, region, crop, blocks)

    def _figure(
        self, key: Key, region: Region, crop: Crop, blocks: Sequence[Block]
    ) -> Figure | None:
        if crop.problem:
            self._document.warn(
                key[0], f"a figure cannot be drawn and is left out ({crop.problem})"
            )
            return None
        words = crop.words
        scan = key[0] in self._document.without_text  # its text layer is a running title at most
        asked = scan or (self._options.ocr_figures and not is_readable(words))
        if self._reader is not None and asked:
            words = self._reader.words(Image.from_path(self._root / crop.ref)) or words
        figure = Figure(
            ref=crop.ref,
            source=self._document.source,
            page=key[0],
            box=region.box,
            kind=region.kind,
            caption=region.caption.text if region.caption else "",
            label=region.label,
            words=words,
            context=_around(region, blocks),
        )
        save_facts(self._root, figure)
        return figure


class PDFReading:
    """The chunks of a document whose pages have been surveyed."""

    def __init__(self, pages: Pages, document: Surveyed, options: ReadingOptions) -> None:
        self._document, self._options = document, options
        self._figures = Figures(pages, document, options)
        self._linker = Linker(document.regions)
        self._headings = Headings(document.profile.body_size, document.outline)

    def figures(self) -> Iterator[Figure]:
        """All figures of the document, in page order."""
        for _ in in_order(self._document.numbers, self._figures.ask):
            pass
        for key in self._document.regions:
            if figure := self._figures.get(key):
                yield figure

    def chunks(self) -> Iterator[Chunk]:
        """All chunks, in reading order."""
        position = 0
        for number, _ in in_order(self._document.numbers, self._figures.ask):
            survey = self._document.page(number)
            chunks = self._cut(survey)
            sections = [self._section(chunk, number) for chunk in chunks]
            found = self._linker.of_page(number, chunks, sections, survey.targets)
            for chunk, section, linked in zip(chunks, sections, found, strict=True):
                yield self._chunk(chunk, section, linked, number, position)
                position += 1

    def _cut(self, survey: PageSurvey) -> list[PageChunk]:
        number = survey.number
        regions = self._document.regions_of(number)
        blocks = gather(survey.blocks, [region.box for region in regions.values()])
        if self._options.ocr_pages and number in self._document.without_text:
            blocks = self._read_scan(number)
        if self._options.mode == "page":
            chunks = chunk_page(blocks, Sizes(sys.maxsize // 100), lambda _: False)
        else:
            chunks = chunk_page(
                blocks, self._options.sizes, lambda block: self._headings.is_heading(block, number)
            )
        if not chunks and (regions or self._options.page_images):
            return [PageChunk(())]  # a page that is nothing but an image is not lost
        return chunks

    def _read_scan(self, number: int) -> list[Block]:
        """The words of a page without a text layer, as one block."""
        figure = self._figures.whole_page(number)
        if figure is None or not figure.words:
            return []
        line = Line(figure.box, figure.words, self._document.profile.body_size)
        return [Block(figure.box, figure.words, (line,))]

    def _section(self, chunk: PageChunk, number: int) -> str:
        """The section in which a chunk's text begins; goes on into those that follow in it."""
        section = None
        for piece in chunk.pieces:
            if piece.first and self._headings.is_heading(piece.block, number):
                self._headings.enter(piece.block)
            elif section is None:
                section = self._headings.section
        return self._headings.section if section is None else section

    def _chunk(
        self, chunk: PageChunk, section: str, found: Sequence[Found], number: int, position: int
    ) -> Chunk:
        drawn = [(one, figure) for one in found if (figure := self._figures.get(one.key))]
        links = strongest(Link(figure, one.kind, one.score) for one, figure in drawn)
        if self._options.page_images and (page := self._figures.whole_page(number)):
            links = strongest([*links, Link(page, "page", SCORES["page"] / 2)])
        kept = tuple(links[: self._options.max_images_per_chunk])
        text = chunk.text
        if self._options.markers:
            refs = {link.figure.ref for link in kept}
            text = with_markers(
                text, [(one.at, figure.ref) for one, figure in drawn if figure.ref in refs]
            )
        source = self._document.source
        content = "\0".join([text, *(link.figure.ref for link in kept)])
        identity = chunk_id(source, position, content)
        return Chunk(identity, text, source, number, position, kept, section)


def _around(region: Region, blocks: Sequence[Block]) -> str:
    """The paragraphs before and after a figure in reading order; its labels are none."""
    outside = gather(blocks, [region.box])
    place = next((i for i, b in enumerate(outside) if b.in_figure or b == region.caption), None)
    if place is None:
        below = (i for i, b in enumerate(outside) if b.box[1] >= region.box[3])
        place = next(below, len(outside))
        return "\n\n".join(block.text for block in outside[max(place - 1, 0) : place + 1])
    near = outside[max(place - 1, 0) : place] + outside[place + 1 : place + 2]
    return "\n\n".join(block.text for block in near if block != region.caption)
