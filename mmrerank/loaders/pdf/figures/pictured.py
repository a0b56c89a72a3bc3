"""The figures inside a page that is one picture: a scan, or a slide saved as an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box, area, grown, height, mostly_inside, width
from mmrerank.loaders.pdf.figures.captioned import captioned_regions
from mmrerank.loaders.pdf.figures.handwriting import is_handwriting
from mmrerank.loaders.pdf.figures.layout import read_layout
from mmrerank.loaders.pdf.figures.paths import PageDrawing
from mmrerank.loaders.pdf.figures.picture_tables import holds_photograph, is_table_in_picture
from mmrerank.loaders.pdf.figures.render import ShownPage
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.figures.tables import without_tables
from mmrerank.loaders.pdf.figures.tracing import traced
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING, TracingSettings
from mmrerank.loaders.pdf.figures.uncaptioned import uncaptioned_regions
from mmrerank.loaders.pdf.page import Block, Region
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PICTURE_SETTINGS", "figures_in_picture", "find_regions_inside"]

PICTURE_SETTINGS = replace(
    DEFAULT_SETTINGS,
    backdrop_text_share=0.8,
    text_photograph_share=0.8,
    max_multiples_gap=0.0,
)
"""In a picture, words on a photograph are mostly part of it: signs, labels, a title.

Drawings side by side stay apart: plain photographs are traced as areas, and are no small multiples.
"""


def find_regions_inside(
    page: ShownPage,
    whole: Box,
    blocks: Sequence[Block],
    body_size: float,
    settings: FigureSettings = PICTURE_SETTINGS,
    tracing: TracingSettings = DEFAULT_TRACING,
) -> list[Region]:
    """The figures inside a page that is a picture, from top to bottom; `whole` is its box.

    `blocks` is the text that OCR read in it, `body_size` the font size that it gave the usual
    lines. The page is drawn once, coarsely, and its figures are found as on any other page.
    """
    across, down = max(width(whole), 1.0), max(height(whole), 1.0)
    scale = min(math.sqrt(tracing.pixels / (across * down)), tracing.max_side / max(across, down))
    pixels = _drawn(page, scale)
    enlarged = [_scaled_block(block, scale) for block in blocks]
    regions = figures_in_picture(pixels, enlarged, body_size, settings, tracing)
    own = {id(large): block for large, block in zip(enlarged, blocks, strict=True)}
    return [
        Region(_scaled(region.box, 1 / scale), region.kind, own.get(id(region.caption)))
        for region in regions
    ]


def figures_in_picture(
    pixels: NDArray[np.uint8],
    blocks: Sequence[Block],
    body_size: float,
    settings: FigureSettings = PICTURE_SETTINGS,
    tracing: TracingSettings = DEFAULT_TRACING,
) -> list[Region]:
    """The figures in a picture (rows, columns, RGB), with boxes in pixels, as those of `blocks`."""
    whole: Box = (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    largest = tracing.max_letter_share * min(whole[2:])
    blocks = [block for block in blocks if not _has_larger_line(block, largest)]
    lines = [line.box for block in blocks for line in block.lines]
    drawing = traced(pixels, lines, tracing)
    layout = read_layout(whole, blocks, body_size, drawing, settings)
    regions = captioned_regions(layout, settings, tables=False)
    regions = [_without_wrong_caption(region, drawing, tracing) for region in regions]
    regions += uncaptioned_regions(layout, [region.box for region in regions], settings)
    figures = [
        replace(region, kind="raster")
        for region in without_tables(regions)
        if area(region.box) < settings.max_page_share * area(whole)
        and not _is_shadow(region.box, whole, tracing)
        and _is_drawn(region, lines, drawing, tracing)
        and not _is_by_hand(region, pixels, drawing, tracing)
    ]
    return sorted(figures, key=lambda region: (region.box[1], region.box[0]))


def _without_wrong_caption(
    region: Region, drawing: PageDrawing, tracing: TracingSettings
) -> Region:
    """A region with the caption of a table, without it if it holds a photograph or a painted area.

    The cells of a table without rules are text: the next drawing is not what its caption means.
    """
    if region.kind == "table" and holds_photograph(region.box, drawing, tracing):
        return Region(region.box, "raster")
    return region


def _is_drawn(
    region: Region, lines: Sequence[Box], drawing: PageDrawing, tracing: TracingSettings
) -> bool:
    """Whether a region is neither a listing nor a table."""
    if region.kind == "text":
        strokes = [path for path in drawing.paths if mostly_inside(path.box, region.box)]
        return len(strokes) >= tracing.min_drawn_strokes
    return bool(region.label) or not is_table_in_picture(region.box, lines, drawing, tracing)


def _is_by_hand(
    region: Region, pixels: NDArray[np.uint8], drawing: PageDrawing, tracing: TracingSettings
) -> bool:
    """Whether a region without a caption is a signature, a stamp or a note."""
    return not region.label and is_handwriting(region.box, pixels, drawing, tracing)


def _is_shadow(box: Box, whole: Box, tracing: TracingSettings) -> bool:
    """Whether something is a strip along an edge of the page: scanners leave shadows there."""
    near = tracing.min_photograph
    x0, y0, x1, y1 = grown(box, near, near)
    narrow, low = (tracing.max_shadow_share * side for side in whole[2:])
    at_side = width(box) < narrow and (x0 < 0.0 or x1 > whole[2])
    return at_side or (height(box) < low and (y0 < 0.0 or y1 > whole[3]))


def _has_larger_line(block: Block, largest: float) -> bool:
    """Whether OCR took a pattern of a photograph for letters of this size."""
    return any(min(width(line.box), height(line.box)) > largest for line in block.lines)


def _drawn(page: ShownPage, scale: float) -> NDArray[np.uint8]:
    pymupdf = require("pymupdf")
    np = require("numpy", extra="pdf", purpose="finding figures")
    drawn = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB)
    rows = np.frombuffer(drawn.samples, dtype=np.uint8).reshape(drawn.height, drawn.stride)
    return rows[:, : 3 * drawn.width].reshape(drawn.height, drawn.width, 3)  # type: ignore[no-any-return]


def _scaled_block(block: Block, scale: float) -> Block:
    lines = tuple(replace(line, box=_scaled(line.box, scale)) for line in block.lines)
    return replace(block, box=_scaled(block.box, scale), lines=lines)


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = box
    return (x0 * scale, y0 * scale, x1 * scale, y1 * scale)
