"""From the pages of a document to chunks, each with the figures that belong to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Literal

from mmrerank.images.markers import with_markers
from mmrerank.loaders.base import (
    BOX_KEY,
    PAGE_LABEL_KEY,
    SCORES,
    Chunk,
    Figure,
    Link,
    chunk_id,
    strongest,
)
from mmrerank.loaders.boxes import union, write_box
from mmrerank.loaders.pdf.document import PDFDocument
from mmrerank.loaders.pdf.links import FigureLink, Linker, links_of_captions
from mmrerank.loaders.pdf.packing import collect_labels, pack
from mmrerank.loaders.pdf.page import Block, PageChunk, Piece
from mmrerank.loaders.pdf.places import Place, place_of
from mmrerank.loaders.pdf.saved_figures import SavedFigures
from mmrerank.loaders.pdf.table_blocks import continued, insert_tables
from mmrerank.loaders.pdf.text.asides import with_asides
from mmrerank.loaders.pdf.text.headings import Headings
from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks
from mmrerank.loaders.splitting import Sizes

__all__ = ["ChunkBuilder", "ChunkOptions"]

_PAGE_IMAGE_SCORE = SCORES["page"] / 2

_UNLIMITED = Sizes(sys.maxsize // 100)


@dataclass(frozen=True, slots=True)
class ChunkOptions:
    """How chunks are made; see `PDFOptions`.

    `ocr_pages` reads pages without a text layer by OCR, `ocr_figures` also figures without words.
    """

    sizes: Sizes = field(default_factory=lambda: Sizes(1000))
    mode: Literal["chunks", "page"] = "chunks"
    max_images_per_chunk: int | None = None
    context: bool = False
    markers: bool = False
    ocr_pages: bool = False
    ocr_figures: bool = False


class ChunkBuilder:
    """Makes the chunks of a document; images and what is known of them are saved under `root`.

    Pages and figures that cannot be read are left out with a `RerankWarning`. Raises `ImageError`
    where an image cannot be saved or read, and `MissingDependencyError`.
    """

    def __init__(self, document: PDFDocument, root: Path, options: ChunkOptions) -> None:
        self._document, self._options = document, options
        self._figures = SavedFigures(
            document,
            root,
            context=options.context,
            ocr_pages=options.ocr_pages,
            ocr_figures=options.ocr_figures,
        )
        self._linker = Linker(document)
        self._last_blocks: dict[int, Block] = {}
        self._looked_into: set[int] = set()
        profile = document.profile
        self._headings = Headings(profile.body_size, document.outline, body_bold=profile.body_bold)

    def figures(self) -> Iterator[Figure]:
        """All figures of the document, in page order."""
        with closing(self._figures):
            for number in self._numbers():
                for key in self._document.regions(number):
                    if figure := self._figures.get(key):
                        yield figure

    def chunks(self) -> Iterator[Chunk]:
        """All chunks, in reading order."""
        with closing(self._figures):
            yield from self._chunks()

    def _chunks(self) -> Iterator[Chunk]:
        position = 0
        for number in self._numbers():
            chunks = self._pack(number)
            sections = [self._section(chunk, number) for chunk in chunks]
            links = self._linker.links_on_page(number, chunks, sections)
            for chunk, section, chunk_links in zip(chunks, sections, links, strict=True):
                yield self._chunk(chunk, section, chunk_links, number, position)
                position += 1
        if not position:
            self._document.warn(None, "has neither text nor images that can be read")

    def places(self) -> Iterator[Place]:
        """The places in the text that the figures belong to, as the links of chunks say.

        A block at a time, so that whatever other chunks it is cut into, one figure goes to one
        place. Labels in a figure are a place of that figure, and of no other.
        """
        for number in self._numbers():
            regions = self._document.regions(number)
            blocks = self._blocks(number)
            prose = [block for block in blocks if not block.in_figure]
            chunks = [PageChunk((Piece(block.text, block, first=True),)) for block in prose]
            sections = [self._section(chunk, number) for chunk in chunks]
            links = self._linker.links_on_page(number, chunks, sections)
            yield from self._places(number, prose, links)
            labels = [block for block in blocks if block.in_figure]
            own = [
                list(links_of_captions(PageChunk((Piece(block.text, block, first=True),)), regions))
                for block in labels
            ]
            yield from self._places(number, labels, own)

    def _numbers(self) -> Iterator[int]:
        """The pages in order, each looked into if it is a scan that OCR can read."""
        for number in self._document.numbers_ahead():
            self._figures.read_ahead(number)
            if self._is_read_by_ocr(number) and number not in self._looked_into:
                self._looked_into.add(number)
                self._look_inside(number)
            yield number

    def _look_inside(self, number: int) -> None:
        """Find the figures inside a scan in which OCR reads text; without text, it is the figure.

        A scan that lies on its side was turned to be read: its text is not where its picture is.
        """
        lines = self._figures.lines_of_page(number)
        if lines and not any(line.angle for line in lines):
            self._document.look_inside(number, self._scan_blocks(number))

    def _places(
        self, number: int, blocks: Sequence[Block], links: Sequence[Sequence[FigureLink]]
    ) -> Iterator[Place]:
        for index, block_links in enumerate(links):
            for link in block_links:
                if figure := self._figures.get(link.key):
                    known = Link(figure, link.kind, link.score)
                    yield place_of(known, number, blocks, index, link.offset)

    def _pack(self, number: int) -> list[PageChunk]:
        """The text of a page in chunks; one without text for a page that is only an image."""
        blocks = self._blocks(number)
        if self._options.mode == "page":
            chunks = pack(blocks, _UNLIMITED, lambda _: False)
        else:
            sizes = self._options.sizes
            chunks = pack(blocks, sizes, lambda block: self._headings.is_heading(block, number))
        has_image = self._document.options.page_images or self._document.regions(number)
        return chunks or ([PageChunk(())] if has_image else [])

    def _blocks(self, number: int) -> list[Block]:
        """The text of a page, with the labels of each figure in one block; a scan's by OCR."""
        regions = self._document.regions(number).values()
        inside = [
            region for region in regions if region.kind != "page"
        ]  # a scan's text is no label
        if self._is_read_by_ocr(number):
            return collect_labels(self._scan_blocks(number), [region.box for region in inside])
        blocks = insert_tables(self._document.blocks(number), regions, self._document.words)
        blocks = continued(blocks, self._last_blocks.get(number - 1))
        self._last_blocks = {number: blocks[-1]} if blocks else {}
        others = [region.box for region in inside if not region.lines]
        return with_asides(collect_labels(blocks, others))

    def _is_read_by_ocr(self, number: int) -> bool:
        return self._options.ocr_pages and self._document.is_textless(number)

    def _scan_blocks(self, number: int) -> list[Block]:
        """What OCR reads on a page, in paragraphs."""
        lines = self._figures.lines_of_page(number)
        body_size = self._document.profile.body_size
        return scan_blocks(lines, self._document.sizes[number], body_size)

    def _section(self, chunk: PageChunk, number: int) -> str:
        """The section in which a chunk's text begins; its headings open those of later chunks."""
        section = None
        for piece in chunk.pieces:
            if piece.first and self._headings.is_heading(piece.block, number):
                self._headings.enter(piece.block)
            elif section is None:
                section = self._headings.section
        return self._headings.section if section is None else section

    def _chunk(
        self,
        chunk: PageChunk,
        section: str,
        figure_links: Sequence[FigureLink],
        number: int,
        position: int,
    ) -> Chunk:
        drawn = [(link, figure) for link in figure_links if (figure := self._figures.get(link.key))]
        links = strongest(Link(figure, link.kind, link.score) for link, figure in drawn)
        if self._document.options.page_images and (image := self._figures.page_image(number)):
            links = strongest([*links, Link(image, "page", _PAGE_IMAGE_SCORE)])
        links = links[: self._options.max_images_per_chunk]
        refs = [link.figure.ref for link in links]
        text = chunk.text
        if self._options.markers:
            text = with_markers(
                text, [(link.offset, figure.ref) for link, figure in drawn if figure.ref in refs]
            )
        source = self._document.origin.source
        identity = chunk_id(source, position, "\0".join([text, *refs]))
        label = self._document.labels.get(number, "")
        extra = {PAGE_LABEL_KEY: label} if label not in ("", str(number)) else {}
        extra |= _place(chunk) | self._document.origin.metadata
        return Chunk(identity, text, source, number, position, tuple(links), section, extra)


def _place(chunk: PageChunk) -> dict[str, str]:
    """Where the text of a chunk is on its page; of a part of a paragraph, where the paragraph is."""
    boxes = [piece.block.box for piece in chunk.pieces]
    return {BOX_KEY: write_box(reduce(union, boxes))} if boxes else {}
