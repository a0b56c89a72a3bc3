"""A whole page of a PDF as a picture."""

from __future__ import annotations

from mmrerank.errors import DocumentError
from mmrerank.loaders.pdf.figures.render import rendered
from mmrerank.loaders.pdf.page_reader import OpenPDF

__all__ = ["page_picture"]


def page_picture(pdf: OpenPDF, number: int, dpi: int) -> tuple[bytes, float, float]:
    """The PNG file of a page as it is shown, and its width and height in points.

    It has `dpi` pixels an inch, or fewer for a large page. Raises `DocumentError` for a page that
    there is not, and what PyMuPDF raises for a damaged one.
    """
    try:
        page = pdf.page(number) if number > 0 else None  # PyMuPDF counts back from the end below 1
    except (ValueError, OverflowError):
        page = None
    if page is None:
        raise DocumentError(pdf.path, "there is no such page", page=number)
    shown = page.rect
    return rendered(page, tuple(shown), dpi), float(shown.width), float(shown.height)
