"""The data that flows through the PDF pipeline: lines and blocks, figures and links, chunks of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.loaders.base import FigureKind
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.captions import Caption

__all__ = [
    "MAX_PATHS",
    "Block",
    "Crop",
    "ImageKey",
    "Key",
    "Line",
    "PDFInfo",
    "PageChunk",
    "PageFigures",
    "PageText",
    "Piece",
    "Profile",
    "Region",
    "SurveyOptions",
    "Target",
    "most_common_size",
]

_BETWEEN_BLOCKS = "\n\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a block that stands in a chunk. `first`: the block begins here."""

    text: str
    block: Block
    first: bool


@dataclass(frozen=True, slots=True)
class PageChunk:
    """A chunk of one page before its figures are known."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text of its pieces, with an empty line between blocks."""
        return _BETWEEN_BLOCKS.join(piece.text for piece in self.pieces)


ImageKey = tuple[int, int, int, int, str]
"""Width and height in pixels, bits, bytes and colour space: tells one image from another."""

MAX_PATHS = 200_000
"""Paths that one page may draw before its figures are given up."""


@dataclass(frozen=True, slots=True)
class Region:
    """A figure found on a page; `caption` is the block that names it."""

    box: Box
    kind: FigureKind
    caption: Block | None = None

    @property
    def label(self) -> str:
        """What its caption calls it ("figure 3"); empty without one."""
        caption = self.caption.caption if self.caption else None
        return caption.label if caption else ""


@dataclass(frozen=True, slots=True)
class PDFInfo:
    """How many pages a PDF has, and the titles of its outline by page, from 1.

    `repaired` where the file is damaged: pages, or all that is on them, may be missing.
    """

    page_count: int
    outline: dict[int, list[str]]
    repaired: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """What pages have in common: the size of most text, and images that are furniture."""

    body_size: float = 0.0
    repeated: frozenset[ImageKey] = frozenset()


@dataclass(frozen=True, slots=True)
class SurveyOptions:
    """What is looked for on a page, and how it is drawn; `min_size` is in points.

    Images are saved under `root`; without one nothing is drawn. `page_images` draws whole pages,
    `scan` those that are a picture or have no text.
    """

    root: Path | None = None
    dpi: int = 150
    figures: bool = True
    tables: bool = False
    targets: bool = True
    min_size: float = 20.0
    max_paths: int = MAX_PATHS
    page_images: bool = False
    scan: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A link of the document: its words, and the page (from 1) and height that it leads to.

    `sure` where its name says that a figure or table is there; else its words must say so.
    """

    box: Box
    words: str
    page: int
    y: float
    sure: bool


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page, and the boxes of the images that it shows."""

    number: int
    label: str
    size: tuple[float, float]
    blocks: list[Block]
    images: list[tuple[Box, ImageKey]]

    @property
    def whole(self) -> Box:
        """The box of the page."""
        return (0.0, 0.0, *self.size)


@dataclass(frozen=True, slots=True)
class Crop:
    """A region's image, its words in the text layer; or a `problem`, and no reference."""

    ref: str
    words: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PageFigures:
    """The figures of one page, each with its image, and the links on it.

    `whole` is the image of the page itself. `problem` says why its figures could not be read.
    """

    regions: list[Region] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    whole: Crop | None = None
    targets: list[Target] = field(default_factory=list)
    problem: str = ""


Key = tuple[int, int]
"""A figure of the document: its page from 1, its place on the page from 0."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. `size` is its font size in points; `upright` is False for turned text."""

    box: Box
    text: str
    size: float
    upright: bool = True
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, their text joined; `caption` if they begin with a caption.

    `in_figure` marks the gathered labels of a figure, which are neither prose nor headings.
    """

    box: Box
    text: str
    lines: tuple[Line, ...]
    caption: Caption | None = None
    in_figure: bool = False

    @property
    def size(self) -> float:
        """The font size of most of its characters, in points."""
        return most_common_size(self.lines)


def most_common_size(lines: Iterable[Line]) -> float:
    """The font size of most characters, to half a point; 0 where there are none."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0
