"""Masks of a picture's pixels: what touches in them, made thinner and thicker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrerank.loaders.boxes import Box
from mmrerank.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    """True where a pixel of the picture belongs to something; rows from the top."""

__all__ = ["Thing", "dilated", "eroded", "things"]


@dataclass(frozen=True, slots=True)
class Thing:
    """Pixels that touch: their box, their number, and the part of the picture that they are in."""

    box: Box
    pixels: int
    place: tuple[slice, slice]


def things(mask: Mask) -> Iterator[Thing]:
    """What touches in a mask, corner to corner too."""
    np = require("numpy", extra="pdf", purpose="finding figures")
    ndimage = require("scipy.ndimage")
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:].tolist()
    for place, size in zip(ndimage.find_objects(labels), sizes, strict=True):
        rows, columns = place
        box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
        yield Thing(box, size, place)


def eroded(mask: Mask, rows: int, columns: int) -> Mask:
    """The pixels around which a box of this size is all in the mask."""
    ndimage = require("scipy.ndimage")
    return ndimage.minimum_filter(mask, (rows, columns), mode="constant")  # type: ignore[no-any-return]


def dilated(mask: Mask, rows: int, columns: int) -> Mask:
    """The pixels that a box of this size around a pixel of the mask covers."""
    ndimage = require("scipy.ndimage")
    # A box of even size has no middle: the two filters must lean to opposite sides.
    lean = (-1 if rows % 2 == 0 else 0, -1 if columns % 2 == 0 else 0)
    return ndimage.maximum_filter(mask, (rows, columns), mode="constant", origin=lean)  # type: ignore[no-any-return]
