"""The keywords of loaders of any format, for the loaders of files and folders in every package."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from mmrerank.loaders.assets import AssetsOption
from mmrerank.loaders.pdf.options import PDFOptions

__all__ = ["FileOptions", "FolderOptions"]


class FileOptions(PDFOptions, total=False):
    """The keywords of all loaders; each format takes those that it has."""

    urls: Literal["refuse", "fetch"]
    """HTML and Markdown: whether images on the web are fetched. Default "refuse"."""

    assets: AssetsOption
    """HTML and Markdown: the files that may be images, see `HTMLOptions`. Default "beside"."""

    encoding: str | None
    """Text, CSV and TSV: the file's encoding. Default: None, see `TextOptions`."""


class FolderOptions(FileOptions, total=False):
    """The keywords of `FileOptions`, and those that only a folder takes."""

    recursive: bool
    """Read the folders below, too. Default True."""

    suffixes: Iterable[str] | None
    """Read only files with these suffixes. Default: all known."""

    on_error: Literal["raise", "warn"]
    """Stop at a file that cannot be loaded ("raise", default), or leave it out and "warn"."""

    show_progress: bool
    """Show a progress bar. Default False."""
