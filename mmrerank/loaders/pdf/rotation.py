"""Boxes on a page as it is shown: PyMuPDF measures before it turns the page."""

from __future__ import annotations

from typing import Any

from mmrerank.loaders.boxes import Box
from mmrerank.optional import require

__all__ = ["as_shown", "turn_of"]


def turn_of(page: Any) -> Any:
    """The rotation of a PyMuPDF page, for `as_shown`; None for a page that is not turned."""
    return page.rotation_matrix if page.rotation else None


def as_shown(box: Box, turn: Any) -> Box:
    """A box on the page as it is shown; PyMuPDF measures before it turns the page."""
    if turn is None:
        return box
    pymupdf = require("pymupdf")
    x0, y0, x1, y1 = pymupdf.Rect(box) * turn
    return (x0, y0, x1, y1)
