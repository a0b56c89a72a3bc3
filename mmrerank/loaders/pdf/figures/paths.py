"""What is drawn on a PDF page: the boxes of its images and of its visible paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mmrerank.loaders.boxes import Box, area, overlap
from mmrerank.loaders.pdf.page import ImageKey
from mmrerank.optional import require

__all__ = [
    "Drawn",
    "DrawnPath",
    "TooManyPathsError",
    "as_shown",
    "frames_of_lines",
    "read_images",
    "read_paths",
    "shows_text",
    "turn_of",
]

_SMALLEST_IMAGE = 16  # pixels

_HIDES = 0.5  # of the page

_LEAST_FRAME = 0.01  # of the page

_FRAME_ITEMS = 16  # lines and curves; more are a drawing

_CORNERS = 4

_AT_EDGE, _MOST_AT_EDGE = 0.15, 20.0  # of the shorter side, points: how round its corners may be


@dataclass(frozen=True, slots=True)
class DrawnPath:
    """One visible path, cut to its clip.

    `straight` where it consists of boxes and of lines along the page; `frames` where it goes round
    its box, as backgrounds do and frames, with round corners or without.
    """

    box: Box
    straight: bool
    frames: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a page shows: the boxes of its images, and its paths."""

    images: tuple[Box, ...] = ()
    paths: tuple[DrawnPath, ...] = ()


class TooManyPathsError(Exception):
    """A page draws more paths than its budget."""


def read_images(page: Any, whole: Box) -> Iterator[tuple[Box, ImageKey]]:
    """The boxes of the images that a PyMuPDF page shows, without bullets."""
    turn = turn_of(page)
    for info in page.get_image_info():
        # A strip of a picture may be a few pixels high; what is small both ways is a bullet.
        small = max(info["width"], info["height"]) < _SMALLEST_IMAGE
        shown = overlap(as_shown(info["bbox"], turn), whole)
        if shown and not small:
            key = (info["width"], info["height"], info["bpc"], info["size"], info["cs-name"])
            yield shown, key


def shows_text(page: Any, whole: Box) -> bool:
    """Whether a page has text that is neither invisible nor behind an image of half the page."""
    shown = False
    for kind, box in page.get_bboxlog():
        if kind == "fill-image" and area(box) > _HIDES * area(whole):
            shown = False
        elif kind in ("fill-text", "stroke-text"):
            shown = True
    return shown


def read_paths(page: Any, whole: Box, budget: int) -> Iterator[DrawnPath]:
    """The visible paths of a PyMuPDF page.

    Raises `TooManyPathsError` where the page draws more than `budget` paths; those beyond it are
    not kept while they are read, so that memory has a limit too.
    """
    turn = turn_of(page)
    clips: list[tuple[int, Box]] = []
    for path in _within_budget(page, budget):
        while clips and clips[-1][0] >= path["level"]:
            clips.pop()
        if path["type"] == "clip":
            clips.append((path["level"], path["scissor"]))
        elif path["type"] != "group" and _is_visible(path):
            box = overlap(path["rect"], clips[-1][1]) if clips else path["rect"]
            shown = overlap(as_shown(box, turn), whole) if box else None
            if shown:
                items = path["items"]
                frames = area(shown) > _LEAST_FRAME * area(whole) and _goes_round(
                    items, path["rect"]
                )
                yield DrawnPath(shown, _is_straight(items), frames)


def _within_budget(page: Any, budget: int) -> Iterable[dict[str, Any]]:
    paths: list[dict[str, Any]] = []

    def keep(path: dict[str, Any]) -> None:
        if len(paths) <= budget:
            paths.append(path)

    page.get_cdrawings(extended=True, callback=keep)
    if len(paths) > budget:
        raise TooManyPathsError(f"it draws more than {budget} paths")
    return paths


def turn_of(page: Any) -> Any:
    """How a PyMuPDF page is turned when it is shown, for `as_shown`; None where it is not."""
    return page.rotation_matrix if page.rotation else None


def as_shown(box: Box, turn: Any) -> Box:
    """PyMuPDF gives boxes in the coordinates of the page before it is turned."""
    if turn is None:
        return box
    pymupdf = require("pymupdf")
    x0, y0, x1, y1 = pymupdf.Rect(box) * turn
    return (x0, y0, x1, y1)


def _is_visible(path: dict[str, Any]) -> bool:
    """False for what leaves white paper white: clear paths, and white areas without an outline."""
    filled, drawn = path.get("fill"), path.get("color")
    shows_fill = filled and min(filled) < 0.98 and path.get("fill_opacity", 1.0) > 0.0
    return bool(shows_fill or (drawn and path.get("stroke_opacity", 1.0) > 0.0))


def _is_straight(items: Sequence[tuple[Any, ...]]) -> bool:
    for kind, *points in items:
        if kind == "l":
            (x0, y0), (x1, y1) = points
            if abs(x1 - x0) > 1.0 and abs(y1 - y0) > 1.0:
                return False
        elif kind != "re":
            return False
    return True


def _goes_round(items: Sequence[tuple[Any, ...]], box: Box) -> bool:
    """Whether a path is the outline of its box: all its points at the edges, some in all corners."""
    if len(items) == 1 and items[0][0] == "re":
        return True
    if len(items) > _FRAME_ITEMS or any(kind == "re" for kind, *_ in items):
        return False
    points = [point for kind, *points in items for point in (points[0] if kind == "qu" else points)]
    x0, y0, x1, y1 = box
    reach = min(_AT_EDGE * min(x1 - x0, y1 - y0), _MOST_AT_EDGE)
    corners = set()
    for x, y in points:
        left, right, top, bottom = x - x0 < reach, x1 - x < reach, y - y0 < reach, y1 - y < reach
        if not (left or right or top or bottom):
            return False
        if (left or right) and (top or bottom):
            corners.add((left, top))
    return len(corners) == _CORNERS


_THIN, _LONG = 2.5, 30.0  # points

_MOST_LINES = 60  # more are a table or the grid of a chart

_MEETS = 3.0  # points between the ends of two lines that meet in a corner


def frames_of_lines(paths: Sequence[DrawnPath]) -> list[tuple[Box, list[DrawnPath]]]:
    """The boxes that four thin lines make, each with its lines."""
    upright, level = [], []
    for path in paths:
        width, height = path.box[2] - path.box[0], path.box[3] - path.box[1]
        if path.straight and width < _THIN and height > _LONG:
            upright.append(path)
        elif path.straight and height < _THIN and width > _LONG:
            level.append(path)
    if len(upright) > _MOST_LINES or len(level) > _MOST_LINES:
        return []
    found = []
    for left, right in combinations(sorted(upright, key=lambda path: path.box[0]), 2):
        if not (_meets(left.box, right.box, 1) and _meets(left.box, right.box, 3)):
            continue
        box = (left.box[0], left.box[1], right.box[2], left.box[3])
        sides = [line for line in level if _meets(line.box, box, 0) and _meets(line.box, box, 2)]
        top = [line for line in sides if _meets(line.box, box, 1)]
        bottom = [line for line in sides if _meets(line.box, box, 3)]
        if top and bottom:
            found.append((box, [left, right, *top, *bottom]))
    return found


def _meets(line: Box, box: Box, edge: int) -> bool:
    return abs(line[edge] - box[edge]) < _MEETS
