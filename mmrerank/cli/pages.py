"""Pages of results, written to a file that a user named."""

from __future__ import annotations

from pathlib import Path

from mmrerank.display.page import ResultsPage
from mmrerank.errors import InvalidInputError

__all__ = ["save_page"]


def save_page(page: ResultsPage, file: str | Path) -> Path:
    """Write the page; its path. Raises `InvalidInputError` for a file that cannot be written."""
    try:
        return page.save(file)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InvalidInputError(f"--html {file} cannot be written: {error}") from error
