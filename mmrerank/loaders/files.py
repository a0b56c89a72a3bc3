"""Loads any file, by the loader of its suffix, and whole folders."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Unpack

from mmrerank.errors import DocumentError, InvalidInputError, RerankError, warn
from mmrerank.loaders.base import Chunk, Origin
from mmrerank.progress import progress

if TYPE_CHECKING:  # they name the PDF loader's options, which no other format should import
    from mmrerank.loaders.file_options import FolderOptions

__all__ = [
    "LOADERS",
    "FileLoader",
    "FolderLoader",
    "loader_for",
    "path_loader",
]

LOADERS = {
    ".pdf": "mmrerank.loaders.pdf.loader:PDFLoader",
    **dict.fromkeys(
        [".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"], "mmrerank.loaders.pptx:PPTXLoader"
    ),
    **dict.fromkeys([".docx", ".docm", ".dotx", ".dotm"], "mmrerank.loaders.docx:DOCXLoader"),
    **dict.fromkeys([".html", ".htm", ".xhtml"], "mmrerank.loaders.html:HTMLLoader"),
    **dict.fromkeys([".md", ".markdown"], "mmrerank.loaders.html:MarkdownLoader"),
    **dict.fromkeys([".xlsx", ".xlsm", ".xltx", ".xltm"], "mmrerank.loaders.xlsx:XLSXLoader"),
    ".epub": "mmrerank.loaders.epub:EPUBLoader",
    **dict.fromkeys([".eml", ".mht", ".mhtml"], "mmrerank.loaders.mail:MailLoader"),
    **dict.fromkeys([".txt", ".text"], "mmrerank.loaders.text:TextLoader"),
    **dict.fromkeys([".csv", ".tsv", ".tab"], "mmrerank.loaders.text:CSVLoader"),
    **dict.fromkeys(
        [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".heic", ".heif"],
        "mmrerank.loaders.image:ImageLoader",
    ),
}
"""The loader of each suffix, as "module:class". A class names its keywords in `options`."""


class Loader(Protocol):
    """What all loaders do. `options` is the TypedDict of the keywords that a loader takes.

    `origin` is what chunks, figures and messages name as their source: the path, or what is set
    instead before loading.
    """

    options: ClassVar[type]
    origin: Origin

    def __init__(
        self, path: str | os.PathLike[str], *, image_root: str | os.PathLike[str], **options: Any
    ) -> None: ...

    def load(self) -> list[Chunk]:
        """All chunks."""
        ...

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one."""
        ...


def loader_for(
    path: str | os.PathLike[str], *, image_root: str | os.PathLike[str], **options: Any
) -> Loader:
    """The loader of a file, chosen by its suffix, given those of the options that it takes.

    Raises `DocumentError` for an unknown suffix, and `InvalidInputError` for an option that no
    loader takes, or a value that cannot be used.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in LOADERS:
        message = f"its format is not known; known: {', '.join(LOADERS)}"
        raise DocumentError(os.fspath(path), message)
    loader_class = _import(LOADERS[suffix])
    own = _option_names(loader_class)
    _check_foreign(options.keys() - own)
    taken = {name: value for name, value in options.items() if name in own}
    return loader_class(path, image_root=image_root, **taken)


def _check_foreign(names: set[str]) -> None:
    """Raise `InvalidInputError` unless each option is taken by some loader.

    All loaders are imported only if there are such options, so that HTML needs nothing of PDF.
    """
    if not names:
        return
    loaders = map(_import, dict.fromkeys(LOADERS.values()))
    if unknown := sorted(names.difference(*map(_option_names, loaders))):
        raise InvalidInputError(f"no loader has the option {unknown[0]!r}")


def _import(name: str) -> type[Loader]:
    module, _, class_name = name.partition(":")
    loader_class: type[Loader] = getattr(importlib.import_module(module), class_name)
    return loader_class


def _option_names(loader_class: type[Loader]) -> set[str]:
    """The keywords that a loader takes, without `image_root`."""
    return set(loader_class.options.__annotations__)


class FileLoader:
    """Loads a file of any known format.

    `options` are those of all loaders (`PDFLoader` and the `TypedDict`s beside the others); each
    format takes the ones that it has. Raises what `loader_for` raises.
    """

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
        """All chunks of the file; raises what its loader raises."""
        return self._loader.load()

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one; raises what its loader raises."""
        return self._loader.lazy_load()


class FolderLoader:
    """Loads the files of a folder that have a known suffix, in the order of their names.

    `recursive` includes the folders below. Links that lead out of the folder are skipped, and so
    are files and folders whose names begin with a dot, and those under `image_root`. `suffixes`
    loads only files with these. `on_error="warn"` leaves out a file that cannot be loaded, with a
    `RerankWarning`; "raise" stops there. `show_progress` shows a progress bar. Other options are
    those of `FileLoader`. Raises `InvalidInputError` for values that cannot be used.
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
        self._recursive, self._on_error = recursive, on_error
        self._show_progress = show_progress
        self._suffixes = set(LOADERS if suffixes is None else map(str.lower, suffixes))
        if unknown := sorted(self._suffixes - set(LOADERS)):
            raise InvalidInputError(f"the format {unknown[0]!r} is not known")
        self._options = options

    def files(self) -> list[Path]:
        """The files that will be loaded; raises `DocumentError` if the path is not a folder."""
        folder = Path(self.path)
        if not folder.is_dir():
            raise DocumentError(self.path, "is not a folder")
        real_folder, saved_images = os.path.realpath(folder), os.path.realpath(self._image_root)
        return [
            path
            for path in sorted(folder.rglob("*") if self._recursive else folder.iterdir())
            if path.suffix.lower() in self._suffixes
            and not _is_hidden(path.relative_to(folder))
            and _is_inside(path, real_folder)
            and not _is_inside(path, saved_images)
            and path.is_file()
        ]

    def load(self) -> list[Chunk]:
        """All chunks of all files; raises what `lazy_load` raises."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one, file by file.

        Raises `DocumentError` if the path is not a folder, and what the files' loaders raise.
        """
        for path in progress(self.files(), "Loading", show=self._show_progress):
            loader = loader_for(path, image_root=self._image_root, **self._options)
            try:
                yield from loader.lazy_load()
            except RerankError as error:
                if self._on_error == "raise":
                    raise
                warn(f"{error}; the file is left out")


def path_loader(
    path: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str],
    **options: Unpack[FolderOptions],
) -> FileLoader | FolderLoader:
    """A `FolderLoader` for a folder, a `FileLoader` for anything else; raises as they do."""
    kind = FolderLoader if Path(path).is_dir() else FileLoader
    return kind(path, image_root=image_root, **options)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_inside(path: Path, real_folder: str) -> bool:
    """Whether the file, with links followed, is in the folder or below it."""
    return os.path.realpath(path).startswith(os.path.join(real_folder, ""))
