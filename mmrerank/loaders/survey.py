"""An open PDF and what is read of each page; this is what runs in a worker process."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.loaders.base import need, save_image
from mmrerank.loaders.boxes import Box, part_inside
from mmrerank.loaders.crops import rendered
from mmrerank.loaders.drawings import ImageKey, read_images
from mmrerank.loaders.regions import MAX_PATHS, Region, find_regions
from mmrerank.loaders.text import Block, read_blocks

__all__ = [
    "Crop",
    "OpenPDF",
    "PDFInfo",
    "PageFigures",
    "PageText",
    "Profile",
    "SurveyOptions",
    "Target",
]

_FORGET = 8  # pages
_FIGURES = ("figure", "subfigure", "table", "subtable")  # how hyperref begins names
_NO_FIGURES = (
    "Item", "Hfootnote", "appendix", "chapter", "cite", "equation", "index", "page", "paragraph",
    "part", "section", "subparagraph", "subsection", "subsubsection", "theorem",
)  # fmt: skip


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


class OpenPDF:
    """A PDF that is open in this process. Raises `DocumentError` for a file that is none."""

    def __init__(self, path: str, password: str | None = None) -> None:
        self.path = path
        self._document = _open(path, password)
        self._calls = 0

    def close(self) -> None:
        """Close the file."""
        self._document.close()

    def info(self) -> PDFInfo:
        """The number of pages, and the outline."""
        outline: defaultdict[int, list[str]] = defaultdict(list)
        with suppress(Exception):  # a damaged outline is no loss
            for _, title, page in self._document.get_toc():
                outline[page].append(title)
        document = self._document
        return PDFInfo(document.page_count, dict(outline), document.is_repaired)

    def text(self, number: int) -> PageText:
        """The text of a page (from 1)."""
        page = self._document.load_page(number - 1)
        size = (float(page.rect.width), float(page.rect.height))
        images = list(read_images(page, (0.0, 0.0, *size)))
        return PageText(number, _label(page), size, read_blocks(page), images)

    def survey(self, text: PageText, profile: Profile, options: SurveyOptions) -> PageFigures:
        """The figures and links of a page whose text was read."""
        page = self._document.load_page(text.number - 1)
        regions: list[Region] = []
        problem = ""
        if options.figures:
            try:
                regions = find_regions(
                    page,
                    text.blocks,
                    [box for box, key in text.images if key not in profile.repeated],
                    body_size=profile.body_size,
                    tables=options.tables,
                    max_paths=options.max_paths,
                )
            except MissingDependencyError:
                raise
            except Exception as error:  # PyMuPDF raises many kinds; the text is kept
                problem = str(error) or type(error).__name__
        regions = [region for region in regions if _smallest_side(region) >= options.min_size]
        crops, whole = [], None
        if options.root:
            crops = [_crop(page, text, region.box, options) for region in regions]
            if options.page_images or (options.scan and (regions or not text.blocks)):
                whole = _crop(page, text, text.whole, options)
        targets = self._targets(page) if options.targets else []
        self._keep_small()
        return PageFigures(regions, crops, whole, targets, problem)

    def _targets(self, page: Any) -> list[Target]:
        """The links within the document that may lead to figures and tables."""
        targets: list[Target] = []
        with suppress(Exception):  # broken links are no loss
            links = [link for link in page.get_links() if _leads_to_place(link)]
            words = page.get_text("words") if links else []
            for link in links:
                box: Box = tuple(link["from"])
                inside = [word[4] for word in words if part_inside(word[:4], box) > 0.5]
                y = link["to"].y
                if link.get("nameddest"):  # its height counts from the bottom
                    y = self._document.load_page(link["page"]).rect.height - y
                sure = _names_figure(link)
                targets.append(Target(box, " ".join(inside), link["page"] + 1, y, sure=sure))
        return targets

    def _keep_small(self) -> None:
        """Let MuPDF forget images and fonts now and then, which it keeps up to 256 MB of."""
        self._calls += 1
        if self._calls % _FORGET == 0:
            need("pymupdf", extra="pdf", purpose="loading a PDF").TOOLS.store_shrink(100)


def _crop(page: Any, text: PageText, box: Box, options: SurveyOptions) -> Crop:
    """What a page shows in a box, saved, with the words in it."""
    assert options.root is not None
    try:
        data = rendered(page, box, options.dpi)
    except Exception as error:  # as above
        return Crop("", problem=str(error) or type(error).__name__)
    lines = (line for block in text.blocks for line in block.lines)
    words = " ".join(line.text for line in lines if part_inside(line.box, box) > 0.5)
    return Crop(save_image(options.root, data), words)


def _leads_to_place(link: dict[str, Any]) -> bool:
    """Whether it leads to a point of a page that may be a figure: hyperref names what it is."""
    name = str(link.get("nameddest", ""))
    return link.get("to") is not None and link["page"] >= 0 and not name.startswith(_NO_FIGURES)


def _names_figure(link: dict[str, Any]) -> bool:
    return str(link.get("nameddest", "")).startswith(_FIGURES)


def _smallest_side(region: Region) -> float:
    x0, y0, x1, y1 = region.box
    return min(x1 - x0, y1 - y0)


def _label(page: Any) -> str:
    """What the document itself calls a page ("iv"); "" where it says nothing."""
    try:
        return str(page.get_label())
    except Exception:  # damaged page labels are no loss
        return ""


def _open(path: str, password: str | None) -> Any:
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    _check_file(path)
    try:
        document = pymupdf.open(path, filetype="pdf")
    except Exception as error:  # FileDataError, RuntimeError and more, by kind of damage
        raise DocumentError(path, f"cannot be read as a PDF ({error})") from None
    try:
        _check_document(document, path, password)
    except BaseException:
        document.close()
        raise
    return document


def _check_document(document: Any, path: str, password: str | None) -> None:
    if document.needs_pass and password is None:
        raise DocumentError(path, "is encrypted and needs a password")
    if document.needs_pass and not document.authenticate(password):
        raise DocumentError(path, "is encrypted, and the password is wrong")
    if not document.is_pdf:
        raise DocumentError(path, "is not a PDF")
    if document.page_count == 0:
        raise DocumentError(path, "has no pages that can be read")


def _check_file(path: str) -> None:
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        raise DocumentError(path, "does not exist") from None
    except (OSError, ValueError) as error:  # no permission; a null character in the name
        raise DocumentError(path, f"cannot be opened ({error})") from None
    if Path(path).is_dir():
        raise DocumentError(path, "is a folder, not a file")
    if not Path(path).is_file():
        raise DocumentError(path, "is not a regular file")
    if size == 0:
        raise DocumentError(path, "is empty (0 bytes)")
