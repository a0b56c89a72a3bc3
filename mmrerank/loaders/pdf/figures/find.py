"""The figures of a PDF page and, if wanted, its tables: the passes in the order in which they run.

The figure of a numbered caption is what is drawn next to it. Drawings without a caption count if
they look like figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap, part_inside
from mmrerank.loaders.pdf.figures.captioned import captioned_regions
from mmrerank.loaders.pdf.figures.components import is_big
from mmrerank.loaders.pdf.figures.layout import read_layout
from mmrerank.loaders.pdf.figures.lone_captions import with_lone_captions
from mmrerank.loaders.pdf.figures.path_reader import read_paths
from mmrerank.loaders.pdf.figures.paths import PageDrawing, shows_text
from mmrerank.loaders.pdf.figures.pictures import merged_strips
from mmrerank.loaders.pdf.figures.render import PagePreview, ShownPage
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.figures.tables import with_tables, without_tables
from mmrerank.loaders.pdf.figures.uncaptioned import uncaptioned_regions
from mmrerank.loaders.pdf.page import MAX_PATHS, Block, Region
from mmrerank.loaders.pdf.table_grids import find_tables

__all__ = ["find_regions"]


def find_regions(
    page: Any,
    blocks: Sequence[Block],
    images: Sequence[Box],
    *,
    body_size: float,
    shown: ShownPage | None = None,
    tables: bool = False,
    max_paths: int = MAX_PATHS,
    settings: FigureSettings = DEFAULT_SETTINGS,
) -> list[Region]:
    """The figures of a PyMuPDF page, from top to bottom, on the page as it is shown.

    `shown` is the page where its parts will be drawn too, `blocks` is its text, `images` are the
    boxes of its images without those that many pages repeat, `body_size` is the font size of the
    document's body text in points. With `tables`, its tables too. Raises `TooManyPathsError` above
    `max_paths` paths.
    """
    whole: Box = (0.0, 0.0, page.rect.width, page.rect.height)
    pictures = merged_strips(images, settings)
    characters = _characters_on_picture(page, whole, blocks, pictures, settings)
    if characters <= settings.max_scan_characters:
        return [Region(whole, "page")]
    preview = _preview(shown or ShownPage(page), whole, pictures, settings)
    pictures = [_visible_picture(picture, blocks, preview) for picture in pictures]
    drawing = PageDrawing(tuple(pictures), tuple(read_paths(page, whole, max_paths, settings)))
    layout = read_layout(whole, blocks, body_size, drawing, settings)
    regions = captioned_regions(layout, settings, tables=tables)
    regions += uncaptioned_regions(layout, [region.box for region in regions], settings)
    regions = with_lone_captions(layout, regions, settings)
    if tables:
        found = find_tables(page, blocks, settings.min_table_cells)
        regions = with_tables(regions, found, layout.captions, settings)
    else:
        regions = without_tables(regions)
    regions = [_trimmed(region, preview, settings) for region in regions]
    photograph = characters <= settings.max_photograph_characters
    if photograph and _is_picture(preview, whole, regions, settings):
        return [Region(whole, "page")]
    return sorted(regions, key=lambda region: (region.box[1], region.box[0]))


def _characters_on_picture(
    page: Any,
    whole: Box,
    blocks: Iterable[Block],
    pictures: Iterable[Box],
    settings: FigureSettings,
) -> float:
    """The length of the visible text on a picture that fills the page; infinite without one.

    It is 0 for a scan, behind which OCR programs lay their text.
    """
    if _largest(pictures) <= settings.max_page_share * area(whole):
        return math.inf
    return sum(len(b.text) for b in blocks) if shows_text(page, whole, settings) else 0


def _preview(
    page: ShownPage, whole: Box, pictures: Iterable[Box], settings: FigureSettings
) -> PagePreview | None:
    """The page drawn coarsely; None where no picture is large enough to look at."""
    large = _largest(pictures) > settings.preview_image_share * area(whole)
    return PagePreview(page, settings) if large else None


def _largest(boxes: Iterable[Box]) -> float:
    """The area of the largest box in square points; 0 without any."""
    return max((area(box) for box in boxes), default=0.0)


def _visible_picture(picture: Box, blocks: Iterable[Block], preview: PagePreview | None) -> Box:
    """The part of a picture that its clip shows, if text stands beside that part."""
    if preview is None:
        return picture
    lines = [line.box for block in blocks for line in block.lines if overlap(line.box, picture)]
    part = preview.visible(picture, lines) if lines else picture
    return part if any(part_inside(line, part) < 0.5 for line in lines) else picture


def _trimmed(region: Region, preview: PagePreview | None, settings: FigureSettings) -> Region:
    """A region with images without its white edges."""
    if preview is None or region.kind not in ("raster", "mixed"):
        return region
    box = preview.visible(region.box)
    return replace(region, box=box) if is_big(box, settings) else region


def _is_picture(
    preview: PagePreview | None, whole: Box, regions: Iterable[Region], settings: FigureSettings
) -> bool:
    """Whether a page is one picture, with no figures on it but logos."""
    drawn_on = sum(area(region.box) for region in regions)
    logos = drawn_on <= settings.drawn_on_share * area(whole)
    return preview is not None and not preview.is_plain and logos
