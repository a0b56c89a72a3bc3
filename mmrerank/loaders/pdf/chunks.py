"""The second pass over a PDF: pages to chunks, each with the figures that belong to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmrerank.images.refs import with_markers
from mmrerank.loaders.base import SCORES, Chunk, Figure, Link, chunk_id, strongest
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.pdf.document import Surveyed, in_order
from mmrerank.loaders.pdf.links import Found, Linker
from mmrerank.loaders.pdf.packing import chunk_page, gather
from mmrerank.loaders.pdf.page import Block, Crop, Key, PageChunk, Region
from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks
from mmrerank.loaders.saving import save_facts
from mmrerank.loaders.splitting import Sizes
from mmrerank.ocr.engine import ReadLine
from mmrerank.ocr.words import ImageReader, default_cache_dir, is_readable
from mmrerank.types import Image

__all__ = ["Figures", "PDFReading", "ReadingOptions"]

_WHOLE = -1
"""The place of a page's own rendering among its figures."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What chunks are made of; see `PDFLoader`."""

    sizes: Sizes = field(default_factory=lambda: Sizes(1000))
    mode: Literal["chunks", "page"] = "chunks"
    max_images_per_chunk: int | None = None
    context: bool = False
    markers: bool = False
    ocr_pages: bool = False
    """Read by OCR what stands on pages without a text layer."""
    ocr_figures: bool = False
    """Read by OCR also figures that have no words of their own."""


class Figures:
    """The figures of a document, their facts saved when they are first asked for."""

    def __init__(self, document: Surveyed, root: Path, options: ReadingOptions) -> None:
        self._document, self._root, self._options = document, root, options
        self._done: dict[Key, Figure | None] = {}
        self._saved: set[str] = set()
        self._reader = ImageReader(default_cache_dir()) if options.ocr_pages else None

    def get(self, key: Key) -> Figure | None:
        """A figure, saved; None where it cannot be drawn, with a warning."""
        if key not in self._done:
            self._finish(key[0])
        return self._done.get(key)

    def whole_page(self, number: int) -> Figure | None:
        """The rendering of a page."""
        return self.get((number, _WHOLE))

    def lines_of_page(self, number: int) -> list[ReadLine]:
        """What OCR reads in the rendering of a page."""
        figure = self.whole_page(number)
        if figure is None or self._reader is None:
            return []
        return self._reader.lines(Image.from_path(self._root / figure.ref))

    def _finish(self, number: int) -> None:
        found = self._document.figures(number)
        drawn = dict(enumerate(zip(found.regions, found.crops, strict=True)))
        if found.whole:
            whole: Box = (0.0, 0.0, *self._document.sizes[number])
            drawn[_WHOLE] = Region(whole, "page"), found.whole
        blocks = self._document.blocks(number) if self._options.context else []
        for place, (region, crop) in drawn.items():
            key = (number, place)
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
        scan = self._document.is_textless(key[0])  # its text layer is a running title at most
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
        if figure.ref not in self._saved:  # of equal pixels the first figure's facts are kept
            self._saved.add(figure.ref)
            save_facts(self._root, figure)
        return figure


class PDFReading:
    """The chunks of a document whose pages have been surveyed."""

    def __init__(self, document: Surveyed, root: Path, options: ReadingOptions) -> None:
        self._document, self._options = document, options
        self._figures = Figures(document, root, options)
        self._linker = Linker(document)
        self._headings = Headings(document.profile.body_size, document.outline)

    def figures(self) -> Iterator[Figure]:
        """All figures of the document, in page order."""
        for number, _ in in_order(self._document.numbers, self._document.ask):
            for key in self._document.regions_of(number):
                if figure := self._figures.get(key):
                    yield figure

    def chunks(self) -> Iterator[Chunk]:
        """All chunks, in reading order."""
        position = 0
        for number, _ in in_order(self._document.numbers, self._document.ask):
            chunks = self._cut(number)
            sections = [self._section(chunk, number) for chunk in chunks]
            found = self._linker.of_page(number, chunks, sections)
            for chunk, section, linked in zip(chunks, sections, found, strict=True):
                yield self._chunk(chunk, section, linked, number, position)
                position += 1
        if not position:
            self._document.warn(None, "holds neither text nor images that can be read")

    def _cut(self, number: int) -> list[PageChunk]:
        regions = self._document.regions_of(number)
        blocks = gather(self._document.blocks(number), [region.box for region in regions.values()])
        if self._options.ocr_pages and self._document.is_textless(number):
            blocks = self._read_scan(number)
        if self._options.mode == "page":
            chunks = chunk_page(blocks, Sizes(sys.maxsize // 100), lambda _: False)
        else:
            chunks = chunk_page(
                blocks, self._options.sizes, lambda block: self._headings.is_heading(block, number)
            )
        if not chunks and (regions or self._document.options.page_images):
            return [PageChunk(())]  # a page that is nothing but an image is not lost
        return chunks

    def _read_scan(self, number: int) -> list[Block]:
        """The text of a page without a text layer."""
        lines = self._figures.lines_of_page(number)
        return scan_blocks(lines, self._document.sizes[number], self._document.profile.body_size)

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
        if self._document.options.page_images and (page := self._figures.whole_page(number)):
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
