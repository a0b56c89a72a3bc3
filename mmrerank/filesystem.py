"""Two rules about files: a reader never sees half of one, and a changed one is noticed."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

__all__ = ["FileStamp", "file_stamp", "write_atomically"]

FileStamp = tuple[str, int, int, int, int, int]
"""Path, size in bytes, modification and change time in nanoseconds, inode and device."""

_SETTLED = 2.0  # seconds: the resolution of the coarsest clock of a common file system


def write_atomically(path: Path, data: bytes | Callable[[Path], object]) -> None:
    """Write `path` so that a reader finds the old file, the new one or none, but never a part.

    `data` is the content, or a function that writes it to the path it is given, for libraries that
    write files themselves. A part file that a killed process leaves behind is hidden: its name
    begins with a dot and ends in `.part`. Raises OSError, and what the function raises.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        if callable(data):
            data(part)
        else:
            part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def file_stamp(path: str | os.PathLike[str]) -> FileStamp | None:
    """A value that changes with the file: equal stamps mean that the content is still the same.

    None if there is no such file, or if it changed less than two seconds ago: it could then change
    again without a change of its times.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # no such file; a null character in its name
        return None
    if time.time() - max(status.st_mtime, status.st_ctime) < _SETTLED:
        return None
    return (
        os.fspath(path),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,  # changes with the content even if mtime is set back
        status.st_ino,
        status.st_dev,
    )
