"""The pixels of a picture traced back to what a PDF would draw: lines, areas, photographs.

The passes that find figures among paths and images then find them in a picture too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box, area, grown, height, width
from mmrerank.loaders.pdf.figures.paths import DrawnPath, PageDrawing
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING, TracingSettings
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    """True where a pixel of the picture belongs to something; rows from the top."""
    Pixels = NDArray[np.uint8]
    """(rows, columns, 3) in RGB."""

__all__ = ["find_ink", "find_photographs", "find_solids", "traced"]


def traced(
    pixels: Pixels, text: Sequence[Box], settings: TracingSettings = DEFAULT_TRACING
) -> PageDrawing:
    """What a picture draws besides its text, in pixels; nothing where it has no paper.

    `text` are the boxes of its lines of text, in pixels.
    """
    ink = find_ink(pixels, text, settings)
    if ink is None:
        return PageDrawing()
    solids = find_solids(ink, settings)
    photographs = find_photographs(pixels, ink, solids, settings)
    rest = ink & ~_filled(ink.shape, photographs)
    solids = solids & rest
    paths = [
        *_areas(solids, settings),
        *_strokes(rest & ~_widened(solids, 1), settings),
    ]
    return PageDrawing(tuple(photographs), tuple(paths[: settings.max_strokes]))


def find_ink(pixels: Pixels, text: Sequence[Box], settings: TracingSettings) -> Mask | None:
    """Where a picture differs from its paper, without its text; None if it has no paper.

    Paper is the commonest tone, whether light or dark.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    tones = (pixels // settings.tone_step).astype(np.int32) @ np.array([1, 256, 65536])
    values, counts = np.unique(tones, return_counts=True)
    of_paper = tones == values[counts.argmax()]
    paper = np.median(pixels[of_paper], axis=0).astype(np.int16)
    contrast = np.abs(pixels.astype(np.int16) - paper).max(axis=2)
    grain = settings.grain_contrast * contrast[of_paper].mean()
    ink = contrast > max(settings.min_contrast, grain)
    if ink.mean() > settings.max_ink_share:
        return None
    for box in text:
        x0, y0, x1, y1 = grown(box, settings.text_margin, settings.text_margin)
        ink[max(int(y0), 0) : max(int(y1) + 1, 0), max(int(x0), 0) : max(int(x1) + 1, 0)] = False
    return ink  # type: ignore[no-any-return]


def find_solids(ink: Mask, settings: TracingSettings) -> Mask:
    """The ink that forms areas, without lines and strokes."""
    side = settings.min_solid
    return _dilated(_eroded(ink, side, side), side, side)


def find_photographs(
    pixels: Pixels, ink: Mask, solids: Mask, settings: TracingSettings
) -> list[Box]:
    """The boxes of the areas that have many tones."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    photographs = []
    for thing in _things(solids):
        box = thing.box
        if min(width(box), height(box)) < settings.min_photograph:
            continue
        if thing.pixels < settings.min_photograph_fill * area(box):
            continue
        inside = pixels[thing.place][ink[thing.place]] // (2 * settings.tone_step)
        tones = inside.astype(np.int32) @ np.array([1, 64, 4096])
        counts = np.sort(np.unique(tones, return_counts=True)[1])
        if counts[-3:].sum() < settings.max_tone_share * len(tones):
            photographs.append(box)
    return photographs


def _areas(solids: Mask, settings: TracingSettings) -> Iterator[DrawnPath]:
    """The areas of one tone, as paths; rectangles may be bars of a chart or tinted boxes."""
    whole = float(solids.size)
    for thing in _things(solids):
        straight = thing.pixels > settings.min_block_fill * area(thing.box)
        yield _path(thing.box, whole, straight=straight, marks=straight)


def _strokes(ink: Mask, settings: TracingSettings) -> Iterator[DrawnPath]:
    """The horizontal and vertical lines, then everything else, as paths."""
    whole = float(ink.size)
    run = settings.min_run
    level = _dilated(_eroded(ink, 1, run), 1, run)
    upright = _dilated(_eroded(ink, run, 1), run, 1)
    for lines in (level, upright):
        for thing in _things(lines):
            yield _path(_thinned(thing, settings), whole, straight=True)
    for thing in _things(ink & ~(level | upright)):
        if thing.pixels >= settings.min_stroke:
            yield _path(thing.box, whole, straight=False)


def _thinned(thing: _Thing, settings: TracingSettings) -> Box:
    """The box of a line as thin as the line is; a line of a skewed scan has a higher box."""
    x0, y0, x1, y1 = thing.box
    thickness = thing.pixels / max(x1 - x0, y1 - y0)
    if thickness > settings.line_thickness:
        return thing.box
    middle_x, middle_y, half = (x0 + x1) / 2, (y0 + y1) / 2, thickness / 2
    if x1 - x0 > y1 - y0:
        return (x0, middle_y - half, x1, middle_y + half)
    return (middle_x - half, y0, middle_x + half, y1)


def _path(box: Box, whole: float, *, straight: bool, marks: bool = False) -> DrawnPath:
    """A path as `read_paths` would read it; `whole` is the page's area."""
    settings: FigureSettings = DEFAULT_SETTINGS
    large = area(box) > settings.min_outline_share * whole
    return DrawnPath(box, straight, marks and large, (box,) if marks else (), marks)


@dataclass(frozen=True, slots=True)
class _Thing:
    """Pixels that touch: their box, their number, and the part of the picture that they are in."""

    box: Box
    pixels: int
    place: tuple[slice, slice]


def _things(mask: Mask) -> Iterator[_Thing]:
    """What touches in a mask, corner to corner too."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    ndimage = require("scipy.ndimage")
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:].tolist()
    for place, size in zip(ndimage.find_objects(labels), sizes, strict=True):
        rows, columns = place
        box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
        yield _Thing(box, size, place)


def _eroded(mask: Mask, rows: int, columns: int) -> Mask:
    """The pixels around which a box of this size is all in the mask."""
    ndimage = require("scipy.ndimage")
    return ndimage.minimum_filter(mask, (rows, columns), mode="constant")  # type: ignore[no-any-return]


def _dilated(mask: Mask, rows: int, columns: int) -> Mask:
    """The pixels that a box of this size around a pixel of the mask covers."""
    ndimage = require("scipy.ndimage")
    # A box of even size has no middle: the two filters must lean to opposite sides.
    lean = (-1 if rows % 2 == 0 else 0, -1 if columns % 2 == 0 else 0)
    return ndimage.maximum_filter(mask, (rows, columns), mode="constant", origin=lean)  # type: ignore[no-any-return]


def _widened(mask: Mask, by: int) -> Mask:
    return _dilated(mask, 2 * by + 1, 2 * by + 1)


def _filled(shape: tuple[int, ...], boxes: Sequence[Box]) -> Mask:
    """A mask in which these boxes are filled."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    mask = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        mask[int(y0) : int(y1), int(x0) : int(x1)] = True
    return mask  # type: ignore[no-any-return]
