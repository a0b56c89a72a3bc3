"""What a PDF page draws: the boxes of its images, its visible paths, and the frames they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    "TooManyPathsError",
    "frames_of_lines",
    "read_images",
    "read_paths",
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


@dataclass(frozen=True, slots=True)
class PageDrawing:
    """What a page draws besides text: the boxes of its images, and its paths."""

    images: tuple[Box, ...] = ()
    paths: tuple[DrawnPath, ...] = ()


class TooManyPathsError(Exception):
    """A page draws more paths than its budget."""


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


def read_paths(page: Any, whole: Box, budget: int, settings: FigureSettings) -> Iterator[DrawnPath]:
    """The visible paths of a PyMuPDF page.

    Raises `TooManyPathsError` if the page draws more than `budget` paths; those beyond it are
    dropped while they are read, so that memory is limited too.
    """
    turn = turn_of(page)
    for path, clip in _visible_paths(page, budget, settings):
        box = overlap(path["rect"], clip) if clip else path["rect"]
        shown = overlap(as_shown(box, turn), whole) if box else None
        if shown:
            items = path["items"]
            large = area(shown) > settings.min_outline_share * area(whole)
            seen = large or area(shown) > settings.min_area
            outline = seen and _is_outline(items, path["rect"], settings)
            straight = _is_straight(items, settings)
            marks = _marks(path, settings, straight=straight)
            cut = tuple(mark for box in marks if (mark := overlap(as_shown(box, turn), shown)))
            yield DrawnPath(shown, straight, large and outline, cut, outline)


def _visible_paths(
    page: Any, budget: int, settings: FigureSettings
) -> Iterator[tuple[dict[str, Any], Box | None]]:
    """The paths that leave a mark, each with the clip that it is drawn under, if any."""
    clips: list[tuple[int, Box]] = []
    for path in _within_budget(page, budget):
        while clips and clips[-1][0] >= path["level"]:
            clips.pop()
        if path["type"] == "clip":
            clips.append((path["level"], path["scissor"]))
        elif path["type"] != "group" and _is_visible(path, settings):
            yield path, clips[-1][1] if clips else None


def _within_budget(page: Any, budget: int) -> Iterable[dict[str, Any]]:
    paths: list[dict[str, Any]] = []

    def keep(path: dict[str, Any]) -> None:
        if len(paths) <= budget:
            paths.append(path)

    page.get_cdrawings(extended=True, callback=keep)
    if len(paths) > budget:
        raise TooManyPathsError(f"it draws more than {budget} paths")
    return paths


def _marks(path: dict[str, Any], settings: FigureSettings, *, straight: bool) -> list[Box]:
    """The filled boxes of a path that are not thin; or its own box if it is a dot."""
    if not _is_filled(path, settings):
        return []
    least, most = settings.min_mark, settings.max_dot
    if straight:
        return [
            box for box in _filled_boxes(path["items"]) if min(width(box), height(box)) >= least
        ]
    shorter, longer = sorted((width(path["rect"]), height(path["rect"])))
    is_dot = least <= shorter and longer <= min(most, settings.max_dot_ratio * shorter)
    return [path["rect"]] if is_dot else []


def _filled_boxes(items: Sequence[tuple[Any, ...]]) -> Iterator[Box]:
    """The rectangles of a straight path; on pages set sideways they are four lines each."""
    corners: list[tuple[float, float]] = []
    for kind, *points in items:
        if kind == "re":
            yield points[0]
            corners = []
            continue
        start, end = points
        if not corners or corners[-1] != start:
            corners = [start]
        corners.append(end)
        if corners[0] == end:
            if len(corners) == 5:
                xs, ys = zip(*corners, strict=True)
                yield min(xs), min(ys), max(xs), max(ys)
            corners = []


def _is_filled(path: dict[str, Any], settings: FigureSettings) -> bool:
    """Whether a path fills its area with anything but white."""
    filled = path.get("fill")
    return bool(filled and min(filled) < settings.white and path.get("fill_opacity", 1.0) > 0.0)


def _is_visible(path: dict[str, Any], settings: FigureSettings) -> bool:
    """False for what leaves white paper white: clear paths, and white areas without an outline."""
    drawn = path.get("color") and path.get("stroke_opacity", 1.0) > 0.0
    return bool(drawn) or _is_filled(path, settings)


def _is_straight(items: Sequence[tuple[Any, ...]], settings: FigureSettings) -> bool:
    for kind, *points in items:
        if kind == "l":
            (x0, y0), (x1, y1) = points
            slope = min(abs(x1 - x0), abs(y1 - y0))
            if slope > settings.straight_tolerance:
                return False
        elif kind != "re":
            return False
    return True


def _is_outline(items: Sequence[tuple[Any, ...]], box: Box, settings: FigureSettings) -> bool:
    """Whether a path is the outline of its box: all points near an edge, some in every corner."""
    kinds = [kind for kind, *_ in items]
    if kinds == ["re"]:
        return True
    if len(items) > settings.max_outline_items or "re" in kinds:
        return False
    shorter = min(width(box), height(box))
    reach = min(settings.max_corner_share * shorter, settings.max_corner)
    corners = set()
    for point in _points(items):
        across, down = _edge_near(point, box, 0, reach), _edge_near(point, box, 1, reach)
        if not (across or down):
            return False
        if across and down:
            corners.add((across, down))
    return len(corners) == 4


def _points(items: Sequence[tuple[Any, ...]]) -> Iterator[tuple[float, float]]:
    for kind, *points in items:
        yield from points[0] if kind == "qu" else points


def _edge_near(point: tuple[float, float], box: Box, axis: int, reach: float) -> str:
    """The edge of a box that a point is near: "low" (left, top), "high", or "" for neither.

    `axis` is 0 for the left and right edges, 1 for the top and bottom ones.
    """
    if point[axis] - box[axis] < reach:
        return "low"
    return "high" if box[axis + 2] - point[axis] < reach else ""


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
    return all(abs(line[edge] - box[edge]) < settings.corner_gap for edge in edges)
