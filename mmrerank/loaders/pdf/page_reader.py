"""An open PDF, and how each of its pages is read; this runs in a worker process."""

from __future__ import annotations

import os
import pickle
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, MissingDependencyError
from mmrerank.loaders.boxes import Box, area, height, part_inside
from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.path_reader import TooManyPathsError, read_paths
from mmrerank.loaders.pdf.figures.paths import read_images, shows_text
from mmrerank.loaders.pdf.figures.pictured import find_regions_inside
from mmrerank.loaders.pdf.figures.render import ShownPage, rendered
from mmrerank.loaders.pdf.figures.repeated import RepeatedDrawings
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.link_targets import link_targets
from mmrerank.loaders.pdf.page import (
    Block,
    Crop,
    PageFigures,
    PageOptions,
    PageText,
    PDFInfo,
    Profile,
    Region,
)
from mmrerank.loaders.pdf.table_grids import with_cells
from mmrerank.loaders.pdf.text.lines import read_blocks
from mmrerank.loaders.pdf.text.ocr_paragraphs import layer_blocks
from mmrerank.loaders.pdf.text.titles import title_forms
from mmrerank.loaders.saving import save_image
from mmrerank.optional import require

__all__ = ["OpenPDF", "TextCache"]

_SHRINK_EVERY = 8  # pages

_SCAN_SHARE = 0.85  # of the page: a larger image may be a scan

_RULE = 2.0  # points: a thicker path is no rule

_TEXT_CACHE_BYTES = 16_000_000  # thousands of pages, compressed


class TextCache:
    """The text of pages, compressed, up to `max_bytes`; pages beyond that are not added.

    All pages are read once before the first is used again, in the same order: evicting the oldest
    would evict each page just before it is needed.
    """

    def __init__(self, max_bytes: int = _TEXT_CACHE_BYTES) -> None:
        self._room = max_bytes
        self._entries: dict[int, bytes] = {}

    def add(self, text: PageText) -> None:
        """Cache the text of a page if there is room."""
        data = zlib.compress(pickle.dumps(text), 1)
        if text.number not in self._entries and len(data) <= self._room:
            self._entries[text.number] = data
            self._room -= len(data)

    def get(self, number: int) -> PageText | None:
        """The text of a page, or None if it is not cached."""
        data = self._entries.get(number)
        if data is None:
            return None
        text: PageText = pickle.loads(zlib.decompress(data))  # noqa: S301 - from `add`
        return text


class OpenPDF:
    """A PDF that is open in this process. Pages are numbered from 1.

    Raises `DocumentError` for a file that cannot be read as a PDF, and `MissingDependencyError`.
    """

    def __init__(self, path: str, password: str | None = None) -> None:
        self.path = path
        self._document = _open(path, password)
        self._texts = TextCache()
        self._repeated = RepeatedDrawings(self._document)
        self._pages_drawn = 0

    def close(self) -> None:
        """Close the file."""
        self._document.close()

    def info(self) -> PDFInfo:
        """The number of pages, and the outline."""
        document = self._document
        return PDFInfo(document.page_count, self._outline, document.is_repaired)

    @cached_property
    def _outline(self) -> dict[int, list[str]]:
        """The titles of the outline by page number from 1."""
        outline: defaultdict[int, list[str]] = defaultdict(list)
        with suppress(Exception):  # a damaged outline is left out
            for _, title, page in self._document.get_toc():
                outline[page].append(title)
        return dict(outline)

    def text(self, number: int) -> PageText:
        """The text of a page. Raises what PyMuPDF raises for a damaged page."""
        text = self._read_text(number)
        self._texts.add(text)
        return text

    def page(self, number: int) -> Any:
        """A page of PyMuPDF's, which raises ValueError for one that there is not."""
        return self._document.load_page(number - 1)

    def figures(self, number: int, profile: Profile, options: PageOptions) -> PageFigures:
        """The figures and links of a page, drawn and saved if the options name a root.

        Raises `ImageError` where an image cannot be written, and `MissingDependencyError`.
        """
        page = self._document.load_page(number - 1)
        text = self._texts.get(number) or self._read_text(number)
        shown = ShownPage(page)
        regions, problem = _regions(page, shown, text, profile, options)
        regions = self._repeated.without(regions, text.box)
        crops, page_image = [], None
        if options.root:
            crops = [_crop(shown, text.blocks, region.box, options) for region in regions]
            if options.page_images or (options.scan_image and (regions or not text.blocks)):
                is_figure = [region.kind for region in regions[:1]] == ["page"]
                page_image = crops[0] if is_figure else _crop(shown, text.blocks, text.box, options)
        targets = link_targets(self._document, page) if options.targets else []
        self._limit_memory()
        return PageFigures(regions, crops, page_image, targets, problem)

    def figures_inside(
        self, number: int, blocks: Sequence[Block], body_size: float, options: PageOptions
    ) -> PageFigures:
        """The figures inside a page that is one picture, drawn and saved as those of other pages.

        `blocks` is what OCR read in it, `body_size` the font size that it gave the usual lines.
        Raises `ImageError` where an image cannot be written, `MissingDependencyError`, and what
        PyMuPDF raises for a damaged page.
        """
        page = self._document.load_page(number - 1)
        shown = ShownPage(page)
        whole = (0.0, 0.0, float(page.rect.width), float(page.rect.height))
        found = find_regions_inside(shown, whole, blocks, body_size)
        regions = [region for region in found if _smallest_side(region) >= options.min_size]
        crops = []
        if options.root:
            crops = [_crop(shown, blocks, region.box, options) for region in regions]
        self._limit_memory()
        return PageFigures(regions, [replace(crop, by_ocr=True) for crop in crops])

    def _read_text(self, number: int) -> PageText:
        page = self._document.load_page(number - 1)
        size = (float(page.rect.width), float(page.rect.height))
        images = list(read_images(page, (0.0, 0.0, *size)))
        blocks = read_blocks(page, title_forms(self._outline.get(number, ())))
        by_ocr = bool(blocks) and _is_scan(page, size, [box for box, _ in images])
        blocks = layer_blocks(blocks) if by_ocr else blocks
        return PageText(number, _label(page), size, blocks, images, by_ocr)

    def _limit_memory(self) -> None:
        """Empty MuPDF's cache of images and fonts now and then; it would grow to 256 MB."""
        self._pages_drawn += 1
        if self._pages_drawn % _SHRINK_EVERY == 0:
            require("pymupdf").TOOLS.store_shrink(100)


def _is_scan(page: Any, size: tuple[float, float], images: list[Box]) -> bool:
    """Whether a page shows an image that fills it, and no text: its text layer is from OCR."""
    whole: Box = (0.0, 0.0, *size)
    fills = any(area(box) > _SCAN_SHARE * area(whole) for box in images)
    return fills and not shows_text(page, whole, DEFAULT_SETTINGS)


def _regions(
    page: Any, shown: ShownPage, text: PageText, profile: Profile, options: PageOptions
) -> tuple[list[Region], str]:
    """The figures of a page that are large enough; if they cannot be read, none and the reason."""
    if not options.figures:
        return [], ""
    images = [box for box, key in text.images if key not in profile.repeated]
    try:
        regions = find_regions(
            page,
            text.blocks,
            images,
            body_size=profile.body_size,
            shown=shown,
            tables=options.tables,
            max_paths=options.max_paths,
        )
        if text.by_ocr and [region.kind for region in regions] == ["page"]:
            regions += find_regions_inside(shown, text.box, text.blocks, profile.body_size)
        large = [region for region in regions if _smallest_side(region) >= options.min_size]
        rules = partial(_read_rules, page, text.box, options.max_paths)
        return with_cells(page, text.blocks, large, rules), ""
    except MissingDependencyError:
        raise
    except Exception as error:  # PyMuPDF raises many kinds; the text is kept
        return [], str(error) or type(error).__name__


def _read_rules(page: Any, whole: Box, max_paths: int) -> list[Box]:
    """The boxes of the horizontal rules of a page; none of one that draws too many paths."""
    try:
        paths = read_paths(page, whole, max_paths, DEFAULT_SETTINGS)
    except TooManyPathsError:
        return []
    return [path.box for path in paths if path.straight and height(path.box) <= _RULE]


def _crop(page: ShownPage, blocks: Iterable[Block], box: Box, options: PageOptions) -> Crop:
    """What a page shows in a box, saved, with the words of `blocks` in it."""
    assert options.root is not None
    try:
        data = rendered(page, box, options.dpi)
    except Exception as error:  # PyMuPDF raises many kinds
        return Crop("", problem=str(error) or type(error).__name__)
    lines = (line for block in blocks for line in block.lines)
    words = " ".join(line.text for line in lines if part_inside(line.box, box) > 0.5)
    return Crop(save_image(options.root, data), words)


def _smallest_side(region: Region) -> float:
    x0, y0, x1, y1 = region.box
    return min(x1 - x0, y1 - y0)


def _label(page: Any) -> str:
    """What the document itself calls a page ("iv"); "" if it has no label."""
    try:
        return str(page.get_label())
    except Exception:  # damaged page labels are left out
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
    except DocumentError:
        document.close()
        raise
    except Exception as error:  # a damaged file may open, and fail at the number of its pages
        document.close()
        raise DocumentError(path, f"cannot be read as a PDF ({error})") from None
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
