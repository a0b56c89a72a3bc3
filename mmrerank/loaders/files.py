"""Any file by its suffix, and whole folders."""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

from mmrerank.errors import DocumentError, InvalidInputError, RerankError, RerankWarning
from mmrerank.loaders.base import Chunk

__all__ = ["LOADERS", "FileLoader", "FolderLoader", "loader_for"]

LOADERS = {
    ".pdf": "mmrerank.loaders.pdf.loader:PDFLoader",
    ".pptx": "mmrerank.loaders.pptx:PPTXLoader",
    ".docx": "mmrerank.loaders.docx:DOCXLoader",
    **dict.fromkeys([".html", ".htm", ".xhtml"], "mmrerank.loaders.html:HTMLLoader"),
    **dict.fromkeys([".md", ".markdown"], "mmrerank.loaders.html:MarkdownLoader"),
    **dict.fromkeys(
        [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".heic", ".heif"],
        "mmrerank.loaders.image:PictureLoader",
    ),
}
"""The loader of each suffix, as "module:class"."""


class Loader(Protocol):
    """What all loaders do."""

    def load(self) -> list[Chunk]:
        """All chunks."""
        ...

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one."""
        ...


def loader_for(
    path: str | os.PathLike[str], *, image_root: str | os.PathLike[str], **options: Any
) -> Loader:
    """The loader of a file, chosen by its suffix, with those of the options that it has.

    Raises `DocumentError` for a suffix that is not known, and `InvalidInputError` for an option
    that no loader has.
    """
    suffix = Path(os.fspath(path)).suffix.lower()
    if suffix not in LOADERS:
        raise DocumentError(
            os.fspath(path), f"its format is not known; known: {', '.join(LOADERS)}"
        )
    kinds = {name: _class(name) for name in dict.fromkeys(LOADERS.values())}
    known = {option for kind in kinds.values() for option in _options(kind)}
    if wrong := sorted(set(options) - known):
        raise InvalidInputError(f"no loader has the option {wrong[0]!r}")
    kind = kinds[LOADERS[suffix]]
    own = {name: value for name, value in options.items() if name in _options(kind)}
    loader: Loader = kind(path, image_root=image_root, **own)
    return loader


def _class(name: str) -> type:
    module, _, kind = name.partition(":")
    found: type = getattr(importlib.import_module(module), kind)
    return found


def _options(kind: type) -> set[str]:
    """The keywords of a loader and of those that it passes on to."""
    names: set[str] = set()
    for one in kind.__mro__:
        if "options" in vars(one):
            return names | set(vars(one)["options"].__annotations__)
        if "__init__" in vars(one) and one is not object:
            parameters = inspect.signature(vars(one)["__init__"]).parameters.values()
            names |= {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return names - {"image_root"}


class FileLoader:
    """Loads a file of any known format; options as its loader has them."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Any,
    ) -> None:
        self.path = os.fspath(path)
        self._loader = loader_for(path, image_root=image_root, **options)

    def load(self) -> list[Chunk]:
        """All chunks of the file."""
        return self._loader.load()

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one."""
        return self._loader.lazy_load()


class FolderLoader:
    """Loads the files of a folder that have a known suffix, in the order of their names.

    `recursive` takes in folders below; links that lead out of the folder, and files and folders
    whose names begin with a dot, are left alone. `suffixes` keeps these only. `on_error="warn"`
    reports a file that cannot be loaded with a `RerankWarning` and goes on; "raise" stops there.
    `show_progress` draws a bar. Other options go to the loaders that have them.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        recursive: bool = True,
        suffixes: Iterable[str] | None = None,
        on_error: Literal["raise", "warn"] = "raise",
        show_progress: bool = False,
        **options: Any,
    ) -> None:
        if on_error not in ("raise", "warn"):
            raise InvalidInputError(f"on_error is 'raise' or 'warn', not {on_error!r}")
        self.path = os.fspath(path)
        self._image_root = Path(image_root)
        self._recursive, self._on_error, self._bar = recursive, on_error, show_progress
        self._suffixes = set(LOADERS if suffixes is None else map(str.lower, suffixes))
        if unknown := sorted(self._suffixes - set(LOADERS)):
            raise InvalidInputError(f"the format {unknown[0]!r} is not known")
        self._options = options

    def files(self) -> list[Path]:
        """The files that will be loaded."""
        folder = Path(self.path)
        if not folder.is_dir():
            raise DocumentError(self.path, "is no folder")
        root, images = os.path.realpath(folder), os.path.realpath(self._image_root)
        found = []
        for path in sorted(folder.rglob("*") if self._recursive else folder.iterdir()):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            real = os.path.realpath(path)
            ours = real.startswith(os.path.join(images, ""))  # what loaders saved before
            inside = real.startswith(os.path.join(root, ""))
            if path.suffix.lower() in self._suffixes and inside and not (hidden or ours):
                found.append(path)
        return [path for path in found if path.is_file()]

    def load(self) -> list[Chunk]:
        """All chunks of all files."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one, file by file."""
        for path in self._with_bar(self.files()):
            loader = loader_for(path, image_root=self._image_root, **self._options)
            try:
                yield from loader.lazy_load()
            except RerankError as error:
                if self._on_error == "raise":
                    raise
                warnings.warn(f"{error}; the file is left out", RerankWarning, stacklevel=2)

    def _with_bar(self, files: list[Path]) -> Iterable[Path]:
        if not self._bar or not files:
            return files
        from rich.console import Console
        from rich.progress import track

        return track(files, "Loading", console=Console(stderr=True))
