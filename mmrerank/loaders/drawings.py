"""What is drawn on a PDF page: the boxes of its images and of its visible paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmrerank.loaders.base import need
from mmrerank.loaders.boxes import Box, overlap

__all__ = ["Drawn", "ImageKey", "TooManyPathsError", "read_images", "read_paths"]

_SMALLEST_IMAGE = 16  # pixels

ImageKey = tuple[int, int, int, int, str]
"""Width and height in pixels, bits, bytes and colour space: tells one image from another."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a page shows: boxes of images, and of paths with whether each is straight."""

    images: tuple[Box, ...] = ()
    paths: tuple[tuple[Box, bool], ...] = ()


class TooManyPathsError(Exception):
    """A page draws more paths than its budget."""


def read_images(page: Any, whole: Box) -> Iterator[tuple[Box, ImageKey]]:
    """The boxes of the images that a PyMuPDF page shows, without bullets."""
    turn = page.rotation_matrix if page.rotation else None
    for info in page.get_image_info():
        # A strip of a picture may be a few pixels high; what is small both ways is a bullet.
        small = max(info["width"], info["height"]) < _SMALLEST_IMAGE
        shown = overlap(_as_shown(info["bbox"], turn), whole)
        if shown and not small:
            key = (info["width"], info["height"], info["bpc"], info["size"], info["cs-name"])
            yield shown, key


def read_paths(page: Any, whole: Box, budget: int) -> Iterator[tuple[Box, bool]]:
    """The box of each visible path, cut to its clip, and whether it is straight.

    Raises `TooManyPathsError` where the page draws more than `budget` paths; those beyond it are
    not kept while they are read, so that memory has a limit too.
    """
    turn = page.rotation_matrix if page.rotation else None
    clips: list[tuple[int, Box]] = []
    for path in _within_budget(page, budget):
        while clips and clips[-1][0] >= path["level"]:
            clips.pop()
        if path["type"] == "clip":
            clips.append((path["level"], path["scissor"]))
        elif path["type"] != "group" and _is_visible(path):
            box = overlap(path["rect"], clips[-1][1]) if clips else path["rect"]
            shown = overlap(_as_shown(box, turn), whole) if box else None
            if shown:
                yield shown, _is_straight(path["items"])


def _within_budget(page: Any, budget: int) -> Iterable[dict[str, Any]]:
    paths: list[dict[str, Any]] = []

    def keep(path: dict[str, Any]) -> None:
        if len(paths) <= budget:
            paths.append(path)

    page.get_cdrawings(extended=True, callback=keep)
    if len(paths) > budget:
        raise TooManyPathsError(f"it draws more than {budget} paths")
    return paths


def _as_shown(box: Box, turn: Any) -> Box:
    """PyMuPDF gives boxes in the coordinates of the page before it is turned."""
    if turn is None:
        return box
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
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
