"""What is drawn on a page but is not part of a figure: rules, tinted areas, frames, backdrops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mmrerank.loaders.boxes import Box, area, covered_area, grown, height, part_inside, width
from mmrerank.loaders.pdf.figures.paths import DrawnPath, frames_of_lines
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_layout import TextLayout, lines_inside

__all__ = ["find_panels", "split_rules", "without_backdrops", "without_backgrounds"]


def without_backdrops(
    images: Iterable[Box], text: TextLayout, settings: FigureSettings
) -> list[Box]:
    """The images that do not lie behind the page, or behind so much text that they are a tint."""
    lines = [line.box for line in text.lines if line.upright]
    return [image for image in images if not _is_backdrop(image, lines, text.whole, settings)]


def _is_backdrop(image: Box, lines: Sequence[Box], whole: Box, settings: FigureSettings) -> bool:
    if area(image) > settings.max_page_share * area(whole):
        return True
    large = area(image) > settings.backdrop_share * area(whole)
    return large and covered_area(image, lines) > settings.backdrop_text_share * area(image)


def split_rules(
    paths: Iterable[DrawnPath], text: TextLayout, settings: FigureSettings
) -> tuple[list[DrawnPath], list[DrawnPath]]:
    """The rules, which are thin, and as long as the page is high or a column wide; and the rest."""
    rules: list[DrawnPath] = []
    others: list[DrawnPath] = []
    for path in paths:
        (rules if _is_rule(path.box, text, settings) else others).append(path)
    return rules, others


def _is_rule(box: Box, text: TextLayout, settings: FigureSettings) -> bool:
    if min(width(box), height(box)) > settings.rule_thickness:
        return False
    page = text.whole
    columns = [
        settings.rule_column_share * (x1 - x0)
        for x0, x1 in text.columns
        if x0 - settings.column_tolerance <= box[0] < x1
    ]
    longest = min([settings.rule_page_share * page[2], *columns])
    return height(box) > settings.rule_page_share * page[3] or width(box) > longest


def find_panels(
    paths: Sequence[DrawnPath], pictures: Sequence[Box], text: TextLayout, settings: FigureSettings
) -> dict[Box, list[DrawnPath]]:
    """The tinted areas and frames that hold text or pictures, from the left, with their paths.

    What stands in one of them may be several figures, or none, so they connect nothing.
    """
    outlines = {path.box: [path] for path in paths if path.frames}
    for box, lines in frames_of_lines(paths, settings):
        outlines.setdefault(box, []).extend(lines)
    return {
        box: outlines[box]
        for box in sorted(outlines)
        if _holds_picture(box, pictures, text.whole, settings) or _holds_text(box, text, settings)
    }


def _holds_picture(box: Box, pictures: Sequence[Box], whole: Box, settings: FigureSettings) -> bool:
    least = settings.panel_picture_share * area(whole)
    return any(
        area(picture) > least and part_inside(picture, box) > settings.inside_share
        for picture in pictures
    )


def _holds_text(box: Box, text: TextLayout, settings: FigureSettings) -> bool:
    """Whether a box is large and holds prose, or so much other text that it cannot be a drawing."""
    if area(box) < settings.min_panel_share * area(text.whole):
        return False
    inside = lines_inside(text, box, settings, longer_than=settings.max_number_characters)
    if inside and _is_band(box, settings):
        return True
    least = settings.min_panel_lines
    filled = sum(map(area, inside)) > settings.panel_text_share * area(box)
    return _prose_lines_inside(box, text, settings) >= least or (len(inside) >= least and filled)


def _is_band(box: Box, settings: FigureSettings) -> bool:
    shorter, longer = sorted((width(box), height(box)))
    return longer > settings.band_ratio * shorter


def _prose_lines_inside(box: Box, text: TextLayout, settings: FigureSettings) -> int:
    inside = (block for block in text.prose if part_inside(block.box, box) > settings.inside_share)
    return sum(len(block.lines) for block in inside)


def without_backgrounds(
    paths: Iterable[DrawnPath],
    panels: Mapping[Box, Sequence[DrawnPath]],
    pictures: Sequence[Box],
    whole: Box,
    settings: FigureSettings,
) -> list[DrawnPath]:
    """The paths without those of panels, what runs off the page, and the edges of pictures."""
    behind = {path for paths_of_panel in panels.values() for path in paths_of_panel}
    return [
        path
        for path in paths
        if path not in behind
        and not _is_bleeding(path.box, whole, settings)
        and not any(_is_edge_of(path.box, picture, settings) for picture in pictures)
    ]


def _is_bleeding(box: Box, whole: Box, settings: FigureSettings) -> bool:
    """A large area that runs off the page on two sides: a band, a side column, a background."""
    x0, y0, x1, y1 = grown(box, settings.bleed, settings.bleed)
    sides = (x0 < 0.0) + (y0 < 0.0) + (x1 > whole[2]) + (y1 > whole[3])
    return sides > 1 and area(box) > settings.min_bleeding_share * area(whole)


def _is_edge_of(box: Box, picture: Box, settings: FigureSettings) -> bool:
    """Whether a path is the frame or the shadow of a picture: it may touch the next one's."""
    inside = part_inside(picture, box) > settings.inside_share
    return inside and area(box) < settings.max_edge_ratio * area(picture)
