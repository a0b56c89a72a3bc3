"""The pictures of a page, each in one piece: strips, images on images and rows of icons are merged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmrerank.loaders.boxes import (
    Box,
    area,
    connected_groups,
    height,
    overlap,
    shared_height,
    shared_width,
    transposed,
    union,
    width,
)
from mmrerank.loaders.pdf.figures.components import is_big
from mmrerank.loaders.pdf.figures.settings import FigureSettings

__all__ = ["merged_pictures", "merged_strips"]


def merged_strips(images: Sequence[Box], settings: FigureSettings) -> list[Box]:
    """The boxes of pictures, each in one piece: many programs cut large ones into strips."""

    def are_strips(first: Box, second: Box) -> bool:
        return _are_stacked(first, second, settings) or _are_stacked(
            transposed(first), transposed(second), settings
        )

    return [union(*group) for group in connected_groups(images, are_strips)]


def _are_stacked(first: Box, second: Box, settings: FigureSettings) -> bool:
    """Whether two images, at least one of them thin, are equally wide and touch above and below."""
    near = settings.strip_tolerance
    aligned = abs(first[0] - second[0]) < near and abs(first[2] - second[2]) < near
    thickest = max(settings.max_strip, settings.max_strip_share * width(first))
    thin = min(height(first), height(second)) < thickest
    return aligned and thin and abs(shared_height(first, second)) < near


def merged_pictures(
    images: Sequence[Box], icon_area: float, gutters: Sequence[Box], settings: FigureSettings
) -> list[Box]:
    """The boxes of pictures: images that lie on one another are one, and so are rows of icons.

    Images below `icon_area` (square points) are icons; no gutter runs between those of one row.
    """

    def are_one(first: Box, second: Box) -> bool:
        if _lie_on_each_other(first, second, settings):
            return True
        if max(area(first), area(second)) >= icon_area:
            return False
        both = union(first, second)
        apart = any(area(overlap(gutter, both)) for gutter in gutters)
        return not apart and _are_icons(first, second, settings)

    return [union(*group) for group in connected_groups(images, are_one)]


def _lie_on_each_other(first: Box, second: Box, settings: FigureSettings) -> bool:
    smaller = min(area(first), area(second))
    return area(overlap(first, second)) > settings.image_overlap_share * smaller


def _are_icons(first: Box, second: Box, settings: FigureSettings) -> bool:
    """Whether two small images are large enough for icons and near each other."""
    gap = max(-shared_width(first, second), -shared_height(first, second))
    # Bars of a chart that are images are long, and reach no farther for it.
    side = math.sqrt(min(area(first), area(second)))
    near = gap < settings.icon_gap * side
    return near and is_big(first, settings) and is_big(second, settings)
