"""The data that flows through the PDF pipeline: text, figures and links of pages, pieces of chunks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.loaders.base import FigureKind
from mmrerank.loaders.boxes import Box
from mmrerank.loaders.captions import Caption
from mmrerank.loaders.table_text import Row

__all__ = [
    "BLOCK_SEPARATOR",
    "MAX_PATHS",
    "Block",
    "Crop",
    "FigureKey",
    "ImageKey",
    "Line",
    "LinkTarget",
    "PDFInfo",
    "PageChunk",
    "PageFigures",
    "PageOptions",
    "PageText",
    "Piece",
    "Profile",
    "Region",
    "TableCell",
    "TableGrid",
]

BLOCK_SEPARATOR = "\n\n"
"""Separates two blocks in the text of a chunk."""

MAX_PATHS = 200_000
"""The default limit on the paths that one page may draw before its figures are given up."""

FigureKey = tuple[int, int]
"""Identifies a figure of a document: its page number from 1, its index on the page from 0."""

ImageKey = tuple[int, int, int, int, str]
"""Width and height in pixels, bits, bytes and colour space: tells one image from another."""


@dataclass(frozen=True, slots=True)
class PDFInfo:
    """How many pages a PDF has, and the titles of its outline by page number from 1.

    `repaired` is True for a damaged file, in which pages or parts of them may be missing.
    """

    page_count: int
    outline: dict[int, list[str]]
    repaired: bool


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
    """Lines that belong together, their text joined; `caption` is set if they begin with one.

    `in_figure` marks the collected labels of a figure, which are neither prose nor headings. A table
    is such a block with `rows`, its cells, of which its text is made. `is_aside` marks heavy type that
    opens no text (see `with_asides`).
    """

    box: Box
    text: str
    lines: tuple[Line, ...]
    caption: Caption | None = None
    in_figure: bool = False
    rows: tuple[Row, ...] = ()
    is_aside: bool = False

    @property
    def size(self) -> float:
        """The font size of most of its characters, to half a point; 0 without lines."""
        sizes: Counter[float] = Counter()
        for line in self.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
        return max(sizes, key=sizes.__getitem__, default=0.0)

    @property
    def upright(self) -> bool:
        """False if any of its lines is set sideways."""
        return all(line.upright for line in self.lines)

    def is_of_size(self, body_size: float) -> bool:
        """Whether it is set in the size of body text, give or take an eighth."""
        return abs(self.size - body_size) <= 0.12 * body_size


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page, and the images that it shows. `size` is (width, height) in points.

    `label` is what the document itself calls the page ("iv"), or empty. `by_ocr` is True of a scan
    under which another program laid what it read.
    """

    number: int
    label: str
    size: tuple[float, float]
    blocks: list[Block]
    images: list[tuple[Box, ImageKey]]
    by_ocr: bool = False

    @property
    def box(self) -> Box:
        """The box of the whole page."""
        return (0.0, 0.0, *self.size)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the pages of a document share: the size of body text, and images that many repeat.

    `body_bold` is True where most of the text is in heavy type.
    """

    body_size: float = 0.0
    repeated: frozenset[ImageKey] = frozenset()
    body_bold: bool = False


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What is looked for on a page, and how it is drawn; `min_size` is in points.

    Images are saved under `root`; without a root nothing is drawn. `page_images` draws every
    page, `scan_image` only a page that shows a figure or has no text. `targets` reads the document's
    own links.
    """

    root: Path | None = None
    dpi: int = 150
    figures: bool = True
    tables: bool = False
    targets: bool = True
    min_size: float = 20.0
    max_paths: int = MAX_PATHS
    page_images: bool = False
    scan_image: bool = False


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell that spans `rows` and `columns` (1 or more), with the lines in it, or their parts."""

    box: Box
    rows: int = 1
    columns: int = 1
    lines: tuple[Line, ...] = ()


TableGrid = tuple[tuple[TableCell, ...], ...]
"""The rows of a table; a place that a cell of another row or column covers is not listed."""


@dataclass(frozen=True, slots=True)
class Region:
    """The place of a figure on a page; `caption` is the block that names it.

    `grid` has the cells of a table; it is empty where they are not known. `lines` are the boxes of
    the page's lines whose words are in these cells.
    """

    box: Box
    kind: FigureKind
    caption: Block | None = None
    grid: TableGrid = ()
    lines: frozenset[Box] = frozenset()

    @property
    def label(self) -> str:
        """What its caption calls it ("figure 3"); empty without a caption."""
        caption = self.caption.caption if self.caption else None
        return caption.label if caption else ""


@dataclass(frozen=True, slots=True)
class Crop:
    """The saved image of a region and its words in the text layer.

    `problem` says why it could not be drawn; `ref` is empty then. `by_ocr` is True where the words
    are those that OCR read in the image of the page.
    """

    ref: str
    words: str = ""
    problem: str = ""
    by_ocr: bool = False


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A link within the document: its own box and words, and the place that it leads to.

    `page` counts from 1, `y` is the height on that page in points. `sure` means that the name of
    the place says "figure" or "table"; if not, the words of the link must say so.
    """

    box: Box
    words: str
    page: int
    y: float
    sure: bool


@dataclass(frozen=True, slots=True)
class PageFigures:
    """The figures of one page, a crop for each if they were drawn, and the links on the page.

    `page_image` is the image of the whole page. `problem` says why figures could not be read.
    """

    regions: list[Region] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    page_image: Crop | None = None
    targets: list[LinkTarget] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a block that is in a chunk. `first` is True for the beginning of the block."""

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
        return BLOCK_SEPARATOR.join(piece.text for piece in self.pieces)
