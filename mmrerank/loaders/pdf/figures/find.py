"""The figures of a PDF page, and its tables if asked for: the passes in the order in which they run.

The figure of a numbered caption is what is drawn next to it; of the other drawings, those that look
like figures are some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap, part_inside
from mmrerank.loaders.pdf.figures.captioned import captioned_regions
from mmrerank.loaders.pdf.figures.components import is_big, merged_strips
from mmrerank.loaders.pdf.figures.layout import read_layout
from mmrerank.loaders.pdf.figures.paths import PageDrawing, read_paths, shows_text
from mmrerank.loaders.pdf.figures.render import PagePreview
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.figures.tables import find_tables, with_tables
from mmrerank.loaders.pdf.figures.uncaptioned import uncaptioned_regions
from mmrerank.loaders.pdf.page import MAX_PATHS, Block, Region

__all__ = ["find_regions"]


def find_regions(
    page: Any,
    blocks: Sequence[Block],
    images: Sequence[Box],
    *,
    body_size: float,
    tables: bool = False,
    max_paths: int = MAX_PATHS,
    settings: FigureSettings = DEFAULT_SETTINGS,
) -> list[Region]:
    """The figures of a PyMuPDF page, from top to bottom, on the page as it is shown.

    `blocks` is its text, `images` are the boxes of its images without those that many pages
    repeat, `body_size` is the font size of the document's body text in points. With `tables`, its
    tables too. Raises `TooManyPathsError` above `max_paths` paths.
    """
    whole: Box = (0.0, 0.0, page.rect.width, page.rect.height)
    pictures = merged_strips(images, settings)
    fills_page = _largest(pictures) > settings.max_page_share * area(whole)
    characters = _shown_characters(page, whole, blocks, settings) if fills_page else 0
    if fills_page and characters <= settings.max_scan_characters:
        return [Region(whole, "page")]
    preview = None
    if _largest(pictures) > settings.preview_image_share * area(whole):
        preview = PagePreview(page, settings)
        pictures = [_visible_picture(picture, blocks, preview) for picture in pictures]
    drawing = PageDrawing(tuple(pictures), tuple(read_paths(page, whole, max_paths, settings)))
    layout = read_layout(whole, blocks, body_size, drawing, settings)
    regions = captioned_regions(layout, settings, tables=tables)
    regions += uncaptioned_regions(layout, [region.box for region in regions], settings)
    if tables:
        regions = with_tables(regions, find_tables(page, settings), layout.captions, settings)
    else:
        regions = [region for region in regions if region.kind != "table"]
    if preview:
        regions = [_trimmed(region, preview, settings) for region in regions]
        photograph = fills_page and characters <= settings.max_photograph_characters
        if photograph and _is_picture(preview, whole, regions, settings):
            return [Region(whole, "page")]
    return sorted(regions, key=lambda region: (region.box[1], region.box[0]))


def _largest(boxes: Iterable[Box]) -> float:
    """The area of the largest box in square points; 0 without any."""
    return max((area(box) for box in boxes), default=0.0)


def _shown_characters(
    page: Any, whole: Box, blocks: Iterable[Block], settings: FigureSettings
) -> int:
    """The length of the visible text; 0 where OCR programs have laid theirs behind a scan."""
    return sum(len(b.text) for b in blocks) if shows_text(page, whole, settings) else 0


def _visible_picture(picture: Box, blocks: Iterable[Block], preview: PagePreview) -> Box:
    """The part of a picture that a clip leaves, if text stands beside that part."""
    lines = [line.box for block in blocks for line in block.lines if overlap(line.box, picture)]
    part = preview.visible(picture, lines) if lines else picture
    return part if any(part_inside(line, part) < 0.5 for line in lines) else picture


def _trimmed(region: Region, preview: PagePreview, settings: FigureSettings) -> Region:
    """A region with images without its white edges."""
    if region.kind not in ("raster", "mixed"):
        return region
    box = preview.visible(region.box)
    return replace(region, box=box) if is_big(box, settings) else region


def _is_picture(
    preview: PagePreview, whole: Box, regions: Iterable[Region], settings: FigureSettings
) -> bool:
    """Whether a page is one picture, with no figures on it but logos."""
    drawn_on = sum(area(region.box) for region in regions)
    return not preview.is_plain and drawn_on <= settings.drawn_on_share * area(whole)
