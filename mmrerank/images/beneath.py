"""Open a file that lies under a folder, even while somebody renames what is in the folder.

The file is opened relative to a descriptor of the folder and through no link, so what was a folder
when its path was resolved cannot have become a link to somewhere else when it is opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["open_beneath"]

_OPENAT2 = 437  # the system call's number, on these machines
_MACHINES = ("x86_64", "aarch64")

_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08

_UNAVAILABLE = (errno.ENOSYS, errno.EPERM)  # an old kernel; a sandbox that allows no new calls

_FOLDER_FLAGS = (
    getattr(os, "O_PATH", os.O_RDONLY)  # with O_PATH, a folder need not be listable
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class _OpenHow(ctypes.Structure):
    """`struct open_how` of linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(path: str | os.PathLike[str], root: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of the file at `path`, opened with `flags`, if it lies under `root` now.

    Links are followed as long as they stay under `root`. Raises PermissionError for a file that is
    elsewhere, OSError for one that cannot be opened, also because it was moved in that moment.
    """
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    inside = os.path.relpath(real, real_root) if _same_drive(real, real_root) else os.pardir
    names = Path(inside).parts
    if os.pardir in names:
        raise PermissionError(errno.EXDEV, f"has left {os.fspath(root)!r}")
    if os.open not in os.supports_dir_fd:
        return _open_and_compare(path, real_root, flags)
    folder = os.open(real_root, _FOLDER_FLAGS)
    try:
        return _open_at_once(folder, names, flags)
    except OSError as error:
        if error.errno not in _UNAVAILABLE:
            raise
        return _open_by_steps(folder, names, flags)
    finally:
        os.close(folder)


def _same_drive(path: str, root: str) -> bool:
    """Only Windows has drives; between two of them there is no relative path."""
    return os.path.splitdrive(path)[0].lower() == os.path.splitdrive(root)[0].lower()


@functools.cache
def _system_call() -> Callable[..., int] | None:
    """The C library's `syscall`, where the number of openat2 is known; else None."""
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINES:
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):  # a Python that is linked statically
        return None
    call.restype = ctypes.c_long
    return call


def _open_at_once(folder: int, names: Sequence[str], flags: int) -> int:
    """By openat2 of Linux 5.6; OSError with ENOSYS where it does not exist."""
    call = _system_call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS)
    name = os.fsencode(os.sep.join(names))
    descriptor = call(
        ctypes.c_long(_OPENAT2),
        ctypes.c_long(folder),
        ctypes.c_char_p(name),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return descriptor


def _open_by_steps(folder: int, names: Sequence[str], flags: int) -> int:
    """One folder after the other, none of which may be a link."""
    current = os.dup(folder)
    try:
        for name in names[:-1]:
            deeper = os.open(name, _FOLDER_FLAGS, dir_fd=current)
            os.close(current)
            current = deeper
        return os.open(names[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
    finally:
        os.close(current)


def _open_and_compare(path: str | os.PathLike[str], real_root: str, flags: int) -> int:
    """Where files cannot be opened relative to a folder: open, then look what was opened."""
    descriptor = os.open(path, flags)
    real = os.path.realpath(path)
    is_inside = Path(real).is_relative_to(real_root)
    with contextlib.suppress(OSError):  # gone since: then it is not known what was opened
        if is_inside and os.path.samestat(os.fstat(descriptor), os.stat(real)):
            return descriptor
    os.close(descriptor)
    raise PermissionError(errno.EXDEV, f"has left {real_root!r}")
