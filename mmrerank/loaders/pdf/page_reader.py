"""An open PDF and what is read of each page; this is what runs in a worker process."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.loaders.boxes import Box, part_inside
from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.paths import read_images
from mmrerank.loaders.pdf.figures.render import rendered
from mmrerank.loaders.pdf.page import (
    Crop,
    PageFigures,
    PageText,
    PDFInfo,
    Profile,
    Region,
    SurveyOptions,
    Target,
)
from mmrerank.loaders.pdf.text.lines import read_blocks
from mmrerank.loaders.saving import save_image
from mmrerank.optional import require

__all__ = ["OpenPDF"]

_FORGET = 8  # pages

_FIGURES = ("figure", "subfigure", "table", "subtable")  # how hyperref begins names

_NO_FIGURES = (
    "Item", "Hfootnote", "appendix", "chapter", "cite", "equation", "index", "page", "paragraph",
    "part", "section", "subparagraph", "subsection", "subsubsection", "theorem",
)  # fmt: skip


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
            require("pymupdf").TOOLS.store_shrink(100)


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
    pymupdf = require("pymupdf")
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
