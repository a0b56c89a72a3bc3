"""The pixels of a picture traced back to what a PDF would draw: lines, areas, photographs.

The passes that find figures among paths and images then find them in a picture too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box, area, grown, height, width
from mmrerank.loaders.pdf.figures.masks import Thing, dilated, eroded, things
from mmrerank.loaders.pdf.figures.outlines import find_outlines, without_outlines
from mmrerank.loaders.pdf.figures.paper import with_even_paper
from mmrerank.loaders.pdf.figures.paths import DrawnPath, PageDrawing
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING, TracingSettings
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmrerank.loaders.pdf.figures.masks import Mask

    Pixels = NDArray[np.uint8]
    """(rows, columns, 3) in RGB."""

__all__ = ["find_ink", "find_solids", "is_photograph", "traced"]


def traced(
    pixels: Pixels, text: Sequence[Box], settings: TracingSettings = DEFAULT_TRACING
) -> PageDrawing:
    """What a picture draws besides its text, in pixels; nothing where it has no paper.

    `text` are the boxes of its lines of text, in pixels.
    """
    whole = float(pixels.shape[0] * pixels.shape[1])
    drawing = _Tracing(whole, text, settings)
    pixels = with_even_paper(pixels, settings)
    ink = find_ink(pixels, text, settings)
    if ink.mean() <= settings.max_ink_share:
        drawing.trace(pixels, ink, (0, 0), depth=0)
    if len(drawing.paths) > settings.max_strokes:
        return PageDrawing(tuple(drawing.photographs))
    return PageDrawing(tuple(drawing.photographs), tuple(drawing.paths))


class _Tracing:
    """What has been found in a picture so far; `whole` is its area in pixels."""

    def __init__(self, whole: float, text: Sequence[Box], settings: TracingSettings) -> None:
        self.photographs: list[Box] = []
        self.paths: list[DrawnPath] = []
        self._whole, self._text, self._settings = whole, text, settings

    def trace(self, pixels: Pixels, ink: Mask, corner: tuple[int, int], depth: int) -> None:
        """Trace a part of the picture that begins at `corner` (row, column).

        An area with one tone all around its edge is paper of its own: what is drawn on it is traced too.
        """
        settings = self._settings
        solids = find_solids(ink, settings)
        taken = ~ink
        for thing in things(solids):
            box = _moved(thing.box, corner)
            if is_photograph(pixels[thing.place], ink[thing.place], thing, settings):
                self.photographs.append(box)
                taken[thing.place] = True
                continue
            straight = thing.pixels > settings.min_block_fill * area(thing.box)
            self.paths.append(_path(box, self._whole, straight=straight, marks=straight))
            if (
                straight
                and depth < settings.max_depth
                and thing.pixels > settings.min_paper_share * self._whole
            ):
                rows, columns = thing.place
                inner = (corner[0] + rows.start, corner[1] + columns.start)
                lines = [_moved(line, (-inner[0], -inner[1])) for line in self._text]
                part = pixels[thing.place]
                self.trace(part, find_ink(part, lines, settings), inner, depth + 1)
        strokes = ink & ~taken & ~dilated(solids, 3, 3)
        outlines = find_outlines(strokes, self._whole, settings)
        self.paths += [
            DrawnPath(_moved(box, corner), straight=True, frames=True, outline=True)
            for box in outlines
            if area(box) < settings.max_outline_share * self._whole
        ]
        strokes = without_outlines(strokes, outlines, settings)
        self.paths += [
            replace(path, box=_moved(path.box, corner))
            for path in _strokes(strokes, self._whole, settings)
        ]


def find_ink(pixels: Pixels, text: Sequence[Box], settings: TracingSettings) -> Mask:
    """Where a picture differs from its paper, without its text.

    Paper is the commonest tone, whether light or dark. Text that stands on an area is a part of it.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    tones = _tones(pixels, settings.paper_levels)
    of_paper = tones == np.bincount(tones.ravel()).argmax()
    paper = np.median(pixels[of_paper][:: settings.paper_sample], axis=0).astype(np.uint8)
    away = np.maximum(pixels, paper) - np.minimum(pixels, paper)
    contrast = np.maximum(np.maximum(away[:, :, 0], away[:, :, 1]), away[:, :, 2])
    least = max(settings.min_contrast, settings.grain_contrast * contrast[of_paper].mean())
    pale = (contrast > least) & (contrast <= settings.shade_contrast)
    if pale.mean() > settings.max_pale_share:
        least = settings.shade_contrast
    ink = contrast > least
    _erase_text(ink, text, settings)
    return ink  # type: ignore[no-any-return]


def _erase_text(ink: Mask, text: Sequence[Box], settings: TracingSettings) -> None:
    """Take lines of text out of a mask, but not the lines of drawings that pass through them."""
    shown = ink.copy()
    for box in text:
        place = _place(grown(box, settings.text_margin, settings.text_margin))
        if not shown[place].size:
            continue  # beyond the picture: the part of it that is traced is smaller than the page
        if _is_inked_around(shown[place]):
            ink[place] = True
        else:
            passing = _passing_lines(shown, place, settings)
            ink[place] = shown[place] & passing


def _place(box: Box) -> tuple[slice, slice]:
    """The rows and columns of a picture that a box covers."""
    x0, y0, x1, y1 = (max(int(edge), 0) for edge in (*box[:2], box[2] + 1.0, box[3] + 1.0))
    return slice(y0, y1), slice(x0, x1)


def _passing_lines(ink: Mask, place: tuple[slice, slice], settings: TracingSettings) -> Mask:
    """The rows and columns of a line of text that are inked from end to end, and beyond.

    Letters end in their line of text, the rules of a table and the sides of a frame do not.
    """
    reach = settings.passing_reach
    rows, columns = place
    wide = ink[rows, max(columns.start - reach, 0) : columns.stop + reach]
    high = ink[max(rows.start - reach, 0) : rows.stop + reach, columns]
    full = settings.min_passing_share
    # A line of a skewed scan goes on in the next row, or column.
    level = dilated(wide, 3, 1).mean(axis=1) > full
    upright = dilated(high, 1, 3).mean(axis=0) > full
    return level[:, None] | upright[None, :]  # type: ignore[no-any-return]


def _is_inked_around(part: Mask) -> bool:
    """Whether most of the edge of a part of the picture is ink."""
    edge = (part[0].mean() + part[-1].mean() + part[:, 0].mean() + part[:, -1].mean()) / 4
    return bool(edge > 0.5)


def find_solids(ink: Mask, settings: TracingSettings) -> Mask:
    """The ink that forms areas, without lines and strokes."""
    side = settings.min_solid
    return dilated(eroded(ink, side, side), side, side)


def is_photograph(pixels: Pixels, ink: Mask, thing: Thing, settings: TracingSettings) -> bool:
    """Whether an area has many tones, also along its edge. `pixels` and `ink` are those of its box."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    if min(width(thing.box), height(thing.box)) < settings.min_photograph:
        return False
    if thing.pixels < settings.min_photograph_fill * area(thing.box):
        return False
    tones = _tones(pixels, settings.photograph_levels)
    if _commonest_share(tones[ink], 3) >= settings.max_tone_share:
        return False
    edge = np.concatenate([tones[1], tones[-2], tones[:, 1], tones[:, -2]])
    has_paper = (
        _commonest_share(edge, 1) >= settings.max_edge_tone_share
        and _commonest_share(tones, 1) >= settings.min_paper_tone_share
    )
    return not has_paper


def _tones(pixels: Pixels, levels: int) -> NDArray[np.uint16]:
    """A number for the tone of each pixel, where each colour has only so many levels."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    step = 256 // levels
    red, green, blue = (pixels[:, :, colour] // step for colour in range(3))
    return (red.astype(np.uint16) * levels + green) * levels + blue


def _commonest_share(tones: NDArray[np.uint16], count: int) -> float:
    """The share (0 to 1) that the commonest tones have."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    counts = np.sort(np.bincount(tones.ravel()))
    return float(counts[-count:].sum() / max(tones.size, 1))


def _strokes(ink: Mask, whole: float, settings: TracingSettings) -> Iterator[DrawnPath]:
    """The horizontal and vertical lines, then everything else, as paths."""
    run = settings.min_run
    level = dilated(eroded(ink, 1, run), 1, run)
    upright = dilated(eroded(ink, run, 1), run, 1)
    for lines in (level, upright):
        for thing in things(lines):
            yield _path(_thinned(thing, settings), whole, straight=True)
    for thing in things(ink & ~(level | upright)):
        if thing.pixels >= settings.min_stroke:
            yield _path(thing.box, whole, straight=False)


def _thinned(thing: Thing, settings: TracingSettings) -> Box:
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


def _moved(box: Box, corner: tuple[int, int]) -> Box:
    """A box from a part of a picture that begins at `corner` (row, column), in the whole picture."""
    row, column = corner
    return (box[0] + column, box[1] + row, box[2] + column, box[3] + row)
