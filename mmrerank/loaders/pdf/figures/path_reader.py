"""The visible paths of a PDF page, read within a budget."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mmrerank.loaders.boxes import Box, area, height, overlap, union, width
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.rotation import as_shown, turn_of

__all__ = ["TooManyPathsError", "read_paths"]

_PAINTS = re.compile(rb"\s(?:[SsFfBb]|[fBb]\*)(?=\s|$)")  # the operators that end a visible path


class TooManyPathsError(Exception):
    """A page draws more paths than its budget."""


def read_paths(page: Any, whole: Box, budget: int, settings: FigureSettings) -> list[DrawnPath]:
    """The visible paths of a PyMuPDF page whose box is `whole`, in the order of drawing.

    Raises `TooManyPathsError` if the page draws more than `budget` paths; where its own content
    already shows that, nothing is drawn. Beyond `max_detailed_paths`, paths that share a tile of
    the page are merged: of a map with a hundred thousand strokes only the outline matters.
    """
    too_many = TooManyPathsError(f"it draws more than {budget} paths")
    if _is_surely_above(page, budget, settings):
        raise too_many
    reader = _PathReader(whole, budget, turn_of(page), settings)
    page.get_cdrawings(extended=True, callback=reader)
    if reader.error is not None:
        raise reader.error
    if reader.count > budget:
        raise too_many
    return reader.paths


def _is_surely_above(page: Any, budget: int, settings: FigureSettings) -> bool:
    """Whether the content of a page paints more paths than the budget, as its operators show.

    Paths of the forms that it places are not counted. Short contents are not looked at.
    """
    try:
        packed = sum(len(page.parent.xref_stream_raw(xref) or b"") for xref in page.get_contents())
        content = page.read_contents() if packed > settings.min_counted_bytes else b""
    except Exception:  # PyMuPDF raises many kinds: what is damaged is drawn as far as it can be
        return False
    return sum(1 for _ in _PAINTS.finditer(content)) > budget


class _PathReader:
    """Takes the paths of a page one by one, as PyMuPDF draws it; `paths` are those to keep."""

    def __init__(self, whole: Box, budget: int, turn: Any, settings: FigureSettings) -> None:
        self.count = 0
        self.error: Exception | None = None
        self._whole, self._budget, self._turn, self._settings = whole, budget, turn, settings
        self._detailed: list[DrawnPath] = []
        self._merged: dict[tuple[int, ...], DrawnPath] = {}
        self._clips: list[tuple[int, Box]] = []

    @property
    def paths(self) -> list[DrawnPath]:
        return [*self._detailed, *self._merged.values()]

    def __call__(self, path: dict[str, Any]) -> None:
        """Take the next path. PyMuPDF drops errors of callbacks, so they are kept for later."""
        self.count += 1
        if self.count > self._budget or self.error is not None:
            return
        try:
            self._add(path)
        except Exception as error:
            self.error = error

    def _add(self, path: dict[str, Any]) -> None:
        """Keep a path that leaves a mark within the clip that it is drawn under."""
        clips = self._clips
        while clips and clips[-1][0] >= path["level"]:
            clips.pop()
        if path["type"] == "clip":
            clips.append((path["level"], path["scissor"]))
            return
        if path["type"] == "group" or not _is_visible(path, self._settings):
            return
        box = overlap(path["rect"], clips[-1][1]) if clips else path["rect"]
        shown = overlap(as_shown(box, self._turn), self._whole) if box else None
        if shown is None:
            return
        if len(self._detailed) < self._settings.max_detailed_paths:
            self._detailed.append(_drawn(path, shown, self._whole, self._turn, self._settings))
        else:
            self._merge(path, shown)

    def _merge(self, path: dict[str, Any], shown: Box) -> None:
        """Add a path to those that begin and end in the same tiles."""
        straight = _is_straight(path["items"], self._settings)
        tile = self._settings.path_tile
        key = (*(int(edge // tile) for edge in shown), int(straight))
        other = self._merged.get(key)
        box = union(other.box, shown) if other else shown
        self._merged[key] = DrawnPath(box, straight, frames=False)


def _drawn(
    path: dict[str, Any], shown: Box, whole: Box, turn: Any, settings: FigureSettings
) -> DrawnPath:
    """What is kept of a path; `shown` is the part of its box that is seen."""
    items = path["items"]
    large = area(shown) > settings.min_outline_share * area(whole)
    seen = large or area(shown) > settings.min_area
    outline = seen and _is_outline(items, path["rect"], settings)
    straight = _is_straight(items, settings)
    marks = _marks(path, settings, straight=straight)
    cut = tuple(mark for box in marks if (mark := overlap(as_shown(box, turn), shown)))
    colour = path["fill"] if straight and cut else None
    return DrawnPath(shown, straight, large and outline, cut, outline, colour)


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
