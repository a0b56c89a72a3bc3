"""The paper of a picture that is not the same all over: shaded slides, scans lit from one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmrerank.loaders.pdf.figures.tracing_settings import TracingSettings
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmrerank.loaders.pdf.figures.masks import Mask

    Pixels = NDArray[np.uint8]
    """(rows, columns, 3) in RGB."""
    Tiles = NDArray[np.float64]
    """(rows, columns, 3): a colour for each tile of a picture."""

__all__ = ["with_even_paper"]


def with_even_paper(pixels: Pixels, settings: TracingSettings) -> Pixels:
    """The picture as if its paper had one tone; as it is where it has, or where there is none.

    Paper is the largest part of the picture in which the tone changes slowly: the shades of a
    slide's background, or of a page that a scanner lights unevenly. Through it runs a smooth
    surface, which is taken off.
    """
    np = require("numpy", extra="pdf", purpose="finding figures")
    if min(pixels.shape[:2]) < settings.min_shaded_side:
        return pixels
    tones, spread = _tiles(pixels, settings)
    of_paper = _largest_smooth_part(tones, spread < settings.max_tile_spread, settings)
    if of_paper.mean() < settings.min_smooth_share:
        return pixels
    surface = _surface(tones, of_paper)
    low, high = np.percentile(surface.max(axis=2), (2, 98))
    if high - low < settings.min_shading:
        return pixels
    return _taken_off(pixels, surface, np.median(tones[of_paper], axis=0))


def _tiles(pixels: Pixels, settings: TracingSettings) -> tuple[Tiles, NDArray[np.float64]]:
    """The middle tone of each tile, and by how much most of its pixels differ."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    step, side = settings.tile_step, settings.tile_side
    coarse = pixels[step // 2 :: step, step // 2 :: step]
    rows, columns = coarse.shape[0] // side, coarse.shape[1] // side
    coarse = coarse[: rows * side, : columns * side]
    tiles = coarse.reshape(rows, side, columns, side, 3).transpose(0, 2, 4, 1, 3)
    ordered = np.sort(tiles.reshape(rows, columns, 3, side * side), axis=3)
    rest = side * side // 8
    spread = ordered[..., -1 - rest].astype(float) - ordered[..., rest]
    return ordered[..., side * side // 2].astype(float), spread.max(axis=2)


def _largest_smooth_part(tones: Tiles, smooth: Mask, settings: TracingSettings) -> Mask:
    """The most tiles that touch, each nearly as dark as the next."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    ndimage = require("scipy.ndimage")
    near = settings.max_tile_change
    right = abs(tones[:, 1:] - tones[:, :-1]).max(axis=2) < near
    below = abs(tones[1:] - tones[:-1]).max(axis=2) < near
    # Between two tiles there is a place that joins them, or does not.
    places = np.zeros((2 * smooth.shape[0] - 1, 2 * smooth.shape[1] - 1), dtype=bool)
    places[::2, ::2] = smooth
    places[::2, 1::2] = right & smooth[:, 1:] & smooth[:, :-1]
    places[1::2, ::2] = below & smooth[1:] & smooth[:-1]
    labels, _ = ndimage.label(places)
    labels = labels[::2, ::2]
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (labels == sizes.argmax()) & smooth  # type: ignore[no-any-return]


def _surface(tones: Tiles, of_paper: Mask) -> Tiles:
    """The colours of paper at each tile, by a polynomial of third degree in both directions."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    rows, columns = of_paper.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    terms = np.stack([x**i * y**j for i, j in powers], axis=2)
    known = terms[of_paper]
    weights = np.linalg.solve(known.T @ known, known.T @ tones[of_paper])
    return np.clip(terms @ weights, 0.0, 255.0)  # type: ignore[no-any-return]


def _taken_off(pixels: Pixels, surface: Tiles, paper: NDArray[np.float64]) -> Pixels:
    """The picture without the differences between a surface and one tone of paper."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    from PIL import Image  # only shaded pictures need it

    size = (pixels.shape[1], pixels.shape[0])
    smooth = Image.fromarray(surface.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    even = pixels.astype(np.int16) - np.asarray(smooth, dtype=np.int16) + paper.astype(np.int16)
    return np.clip(even, 0, 255).astype(np.uint8)  # type: ignore[no-any-return]
