"""Which files an index should hold, and which it passes over, with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.errors import DocumentError

__all__ = ["Scan", "scan"]


@dataclass(frozen=True, slots=True)
class Scan:
    """`files` to read, by absolute path; `skipped` files with the reason for each.

    `folders` are the absolute paths of the folders that were named: what the index has of them and
    is not among `files` is gone.
    """

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    folders_without_files: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def scan(paths: Iterable[str | os.PathLike[str]], *, exclude: Path) -> Scan:
    """The files among `paths` and in the folders among them, in order, each once.

    A file that is named is always taken, so that it can be said why it cannot be read; of a folder
    those with a known suffix. Hidden files, links that lead out of the folder, and everything below
    `exclude` (the index itself) are left out. Raises `DocumentError` for a path that does not exist.
    """
    result = Scan()
    seen: set[Path] = set()
    for name in paths:
        path = Path(os.path.abspath(name))  # noqa: PTH100 - a link's own name is kept
        if not path.exists():
            raise DocumentError(os.fspath(name), "does not exist")
        files = [path]
        if path.is_dir():
            result.folders.append(path)
            files = list(_in_folder(path, Path(os.path.realpath(exclude)), result))
            if not files:
                result.folders_without_files.append(path)
        result.files.extend(file for file in files if file not in seen)
        seen.update(files)
    return result


def _in_folder(folder: Path, exclude: Path, result: Scan) -> Iterator[Path]:
    from mmrerank.loaders.files import LOADERS

    root = Path(os.path.realpath(folder))
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(os.path.realpath(Path(parent, name))) != exclude
        )
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if not Path(os.path.realpath(path)).is_relative_to(root):
                result.skipped.append((path, "is a link that leads out of the folder"))
            elif not path.is_file():
                result.skipped.append((path, "is not a regular file"))
            elif path.suffix.lower() not in LOADERS:
                kind = path.suffix.lower() or "without a suffix"
                result.skipped.append((path, f"unknown format ({kind})"))
            else:
                yield path
