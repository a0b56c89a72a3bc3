"""What a PDF page draws besides text: images, paths, and the frames that lines form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from mmrerank.loaders.boxes import Box, area, height, overlap, width
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.page import ImageKey
from mmrerank.loaders.pdf.rotation import as_shown, turn_of

__all__ = [
    "DrawnPath",
    "PageDrawing",
    "frames_of_lines",
    "read_images",
    "shows_text",
]


@dataclass(frozen=True, slots=True)
class DrawnPath:
    """One visible path; its box is cut to the clip.

    `straight`: it consists of rectangles and of horizontal and vertical lines. `frames`: it is the
    outline of its box, with round corners or without, as frames and tinted areas are. `marks` are
    the filled boxes that it consists of, or its own box if it is a dot, without thin ones: what
    may be the bars and points of a chart. `outline` is as `frames`, but true of small boxes too.
    """

    box: Box
    straight: bool
    frames: bool
    marks: tuple[Box, ...] = field(default=(), compare=False)  # a panel is filled, then outlined
    outline: bool = field(default=False, compare=False)
    colour: tuple[float, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PageDrawing:
    """What a page draws besides text: the boxes of its images, and its paths."""

    images: tuple[Box, ...] = ()
    paths: tuple[DrawnPath, ...] = ()


def read_images(
    page: Any, whole: Box, settings: FigureSettings = DEFAULT_SETTINGS
) -> Iterator[tuple[Box, ImageKey]]:
    """The boxes of the images that a PyMuPDF page shows, without bullets.

    `whole` is the box of the page as it is shown.
    """
    turn = turn_of(page)
    for info in page.get_image_info():
        small = max(info["width"], info["height"]) < settings.min_image_pixels
        shown = overlap(as_shown(info["bbox"], turn), whole)
        if shown and not small:
            key = (info["width"], info["height"], info["bpc"], info["size"], info["cs-name"])
            yield shown, key


def shows_text(page: Any, whole: Box, settings: FigureSettings) -> bool:
    """Whether a page has text that is neither invisible nor behind a large image."""
    shown = False
    for kind, box in page.get_bboxlog():
        if kind == "fill-image" and area(box) > settings.hiding_image_share * area(whole):
            shown = False
        elif kind in ("fill-text", "stroke-text"):
            shown = True
    return shown


def frames_of_lines(
    paths: Sequence[DrawnPath], settings: FigureSettings
) -> list[tuple[Box, list[DrawnPath]]]:
    """The boxes that four thin lines form, each with its lines."""
    upright, level = _frame_lines(paths, settings)
    if max(len(upright), len(level)) > settings.max_frame_lines:
        return []
    frames = []
    for left, right in combinations(sorted(upright, key=lambda path: path.box[0]), 2):
        if _meet(left.box, right.box, (1, 3), settings):
            box = (left.box[0], left.box[1], right.box[2], left.box[3])
            top = [line for line in level if _meet(line.box, box, (0, 2, 1), settings)]
            bottom = [line for line in level if _meet(line.box, box, (0, 2, 3), settings)]
            if top and bottom:
                frames.append((box, [left, right, *top, *bottom]))
    return frames


def _frame_lines(
    paths: Sequence[DrawnPath], settings: FigureSettings
) -> tuple[list[DrawnPath], list[DrawnPath]]:
    """The thin vertical lines and the thin horizontal ones that may be sides of a frame."""
    thin, shortest = settings.rule_thickness, settings.min_frame_line
    straight = [path for path in paths if path.straight]
    upright = [p for p in straight if width(p.box) < thin and height(p.box) > shortest]
    level = [p for p in straight if height(p.box) < thin and width(p.box) > shortest]
    return upright, level


def _meet(line: Box, box: Box, edges: Sequence[int], settings: FigureSettings) -> bool:
    """Whether the given edges (0 to 3, as in a box) of both are in the same place."""
    near = settings.corner_gap
    for edge in edges:  # noqa: SIM110 - `all` takes thrice the time, for every two lines of a page
        if abs(line[edge] - box[edge]) >= near:
            return False
    return True
