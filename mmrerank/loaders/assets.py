"""Which files an HTML or Markdown file may name as its images."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.images.resolve import ImageResolver
from mmrerank.types import Image

__all__ = ["Assets", "AssetsOption"]

AssetsOption = Literal["beside", "none"] | Sequence[str | os.PathLike[str]]
"""The files that a document may name: those beside it, none, or those below these folders."""

_NOT_A_FILE = re.compile(r"data:|https?://", re.IGNORECASE)

_OWN_FOLDERS = ("{}", "{}_files", "{}.files", "{}_assets", "{}.assets", "{}_images", "{}.images")
"""Where browsers, editors and converters put the images of a document, by its name."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder whose images may be named; with `own`, only its own files and these folders'."""

    folder: str
    own: frozenset[str] | None = None

    def holds(self, path: str, folder: str) -> bool:
        """Whether the path, which need not exist, is allowed under `folder`; never if hidden."""
        try:
            parts = Path(path).relative_to(folder).parts
        except ValueError:
            return False
        if not parts or any(part.startswith(".") for part in parts):
            return False
        return self.own is None or len(parts) == 1 or parts[0] in self.own


class Assets:
    """Finds the images that a document names, among the files that it may name.

    "beside" is safe where people share a folder of uploads: files in the document's own folder,
    and below folders that carry its name (`report_files` of report.html). A list of folders, each
    relative to the document's, allows all files below them. Hidden files are never taken. `urls`
    as for `ImageResolver`. Raises `InvalidInputError` for values that cannot be used.
    """

    def __init__(
        self, document: str, assets: AssetsOption, *, urls: Literal["refuse", "fetch"]
    ) -> None:
        path = Path(_absolute(document))
        self._folder = str(path.parent)
        self._option = assets
        self._places = _places(path, assets)
        self._elsewhere = ImageResolver(urls=urls)

    def find(self, source: str) -> tuple[str, Image]:
        """The image that the document names `source`, with a short name of it.

        Raises `ImageError` for one that cannot be read or that the document may not name.
        """
        if _NOT_A_FILE.match(source):
            ((name, image),) = self._elsewhere.resolve([source], {})
            return name, image
        return source, self._file(source)

    def _file(self, source: str) -> Image:
        found = self._find_place(source)
        if found is None or not os.path.lexists(found[1]):  # Markdown writes spaces as %20
            found = self._find_place(urllib.parse.unquote(source)) or found
        if found is not None:
            place, path = found
            resolver = ImageResolver(place.folder)
            ((_, image),) = resolver.resolve([os.path.relpath(path, place.folder)], {})
            if place.holds(str(image.path), os.path.realpath(place.folder)):  # it may be a link
                return image
        raise ImageError(source, f"is not among the files of assets={self._option!r}")

    def _find_place(self, source: str) -> tuple[_Place, str] | None:
        """The place that allows the path which the document names, by its name alone, and the path.

        Whether a file exists that may not be named is not told.
        """
        path = _absolute(os.path.join(self._folder, source.replace("\\", "/")))
        places = (place for place in self._places if place.holds(path, place.folder))
        return next(((place, path) for place in places), None)


def _places(document: Path, assets: AssetsOption) -> list[_Place]:
    if assets == "none":
        return []
    if assets == "beside":
        own = frozenset(name.format(document.stem) for name in _OWN_FOLDERS)
        return [_Place(str(document.parent), own)]
    if isinstance(assets, str) or not isinstance(assets, Sequence):
        raise InvalidInputError(f"assets is 'beside', 'none' or a list of folders, not {assets!r}")
    if not all(isinstance(folder, (str, os.PathLike)) and os.fspath(folder) for folder in assets):
        raise InvalidInputError(f"assets has a folder without a name: {assets!r}")
    return [_Place(_absolute(document.parent / Path(folder).expanduser())) for folder in assets]


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - `resolve` would follow links
