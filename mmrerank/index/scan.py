"""Which files an index should hold, and which it passes over, with the reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.errors import DocumentError

__all__ = [
    "Paths",
    "Scan",
    "absolute",
    "has_text_name",
    "known_files",
    "named_paths",
    "scan",
    "several",
    "size_and_time",
]

Paths = Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Scan:
    """`files` to read, by absolute path; `skipped` files with the reason for each.

    `folders` are the absolute paths of the folders that were named: what the index has of them and
    is not among `files` is gone, unless it is in (or is) one of `unreadable`, of which nothing is
    known: no permission, or a disk that does not answer.
    """

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    folders_without_files: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def scan(paths: str | os.PathLike[str] | Paths, *, exclude: Path) -> Scan:
    """The files among `paths` and in the folders among them, in order, each once.

    A file that is named is always taken, so that it can be said why it cannot be read; of a folder
    those with a known suffix. Hidden files, links that lead out of the folder, and everything below
    `exclude` (the index itself) are left out. Raises `DocumentError` as `named_paths`.
    """
    result = Scan()
    own = Path(os.path.realpath(exclude))
    seen: set[Path] = set()
    for path in named_paths(paths, exclude=exclude):
        files = [path]
        if path.is_dir():
            result.folders.append(path)
            files = list(_in_folder(path, own, result))
            if not files:
                result.folders_without_files.append(path)
        result.files.extend(file for file in files if file not in seen)
        seen.update(files)
    return result


def named_paths(paths: str | os.PathLike[str] | Paths, *, exclude: Path) -> list[Path]:
    """The absolute paths of files and folders.

    Raises `DocumentError` for one that does not exist, cannot be looked at, or is part of the index
    in `exclude`.
    """
    own = Path(os.path.realpath(exclude))
    named: list[Path] = []
    for name in several(paths):
        path = Path(absolute(name))
        try:
            is_there = path.exists()
        except OSError as error:
            raise DocumentError(os.fspath(name), f"cannot be opened ({error})") from error
        if not is_there:
            raise DocumentError(os.fspath(name), "does not exist")
        real = Path(os.path.realpath(path))
        if real == own or real.is_relative_to(own / "images"):
            raise DocumentError(
                os.fspath(name), "is part of the index itself; give it a folder of its own"
            )
        named.append(path)
    return named


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes of a file, and nanoseconds of its last change. Raises `DocumentError`."""
    try:
        status = path.stat()
    except OSError as error:
        raise DocumentError(str(path), f"cannot be opened ({error})") from error
    if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for its writer
        raise DocumentError(str(path), "is not a regular file")
    return status.st_size, status.st_mtime_ns


def known_files(paths: str | os.PathLike[str] | Paths, known: Sequence[str]) -> list[str]:
    """Those of the `known` files that are named by `paths`, or are in a folder that is, each once.

    Raises `DocumentError` for a path that names none.
    """
    named: dict[str, None] = {}
    for name in several(paths):
        below = [path for path in known if Path(path).is_relative_to(absolute(name))]
        if not below:
            raise DocumentError(os.fspath(name), "is not in the index")
        named.update(dict.fromkeys(below))
    return list(named)


def absolute(path: str | os.PathLike[str]) -> str:
    """A path as the ledger has it: absolute, but links keep their own names."""
    return os.path.abspath(path)  # noqa: PTH100


def several(paths: str | os.PathLike[str] | Paths) -> Paths:
    """The paths; one that stands alone is not taken for its letters, of which `/` is the disk."""
    return [paths] if isinstance(paths, (str, os.PathLike)) else paths


def has_text_name(path: str | os.PathLike[str]) -> bool:
    """Is the name UTF-8, so that the ledger and the vector store can hold it?"""
    return not any("\ud800" <= letter <= "\udfff" for letter in os.fspath(path))


def _in_folder(folder: Path, exclude: Path, result: Scan) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        reason = f"cannot be read ({error.strerror or error})"
        result.unreadable.append((Path(error.filename), reason))

    root = Path(os.path.realpath(folder))
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(os.path.realpath(Path(parent, name))) != exclude
        )
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith("."):
                continue
            try:
                reason = _why_skipped(path, root)
            except OSError as error:
                unreadable(error)
                continue
            if reason is None:
                yield path
            else:
                result.skipped.append((path, reason))


def _why_skipped(path: Path, root: Path) -> str | None:
    """Why a file in a folder is not read; None if it is. Raises OSError."""
    from mmrerank.loaders.files import LOADERS

    if not Path(os.path.realpath(path)).is_relative_to(root):
        return "is a link that leads out of the folder"
    if not path.is_file():
        return "is not a regular file"
    if path.suffix.lower() not in LOADERS:
        kind = path.suffix.lower() or "without a suffix"
        return f"unknown format ({kind})"
    return None if has_text_name(path) else "has a name that is not UTF-8"
