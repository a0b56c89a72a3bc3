"""The state cache on disk: one safetensors file an entry, shared by processes, and still there after a restart.

Files are written atomically, so a reader sees all of a file or none of it. They are memory-mapped
when read, and nothing in them is ever executed. Each carries a hash of its tensors: a damaged file
is removed, and its entry is computed again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from mmrerank.errors import InvalidInputError
from mmrerank.filesystem import write_atomically
from mmrerank.local.cache.entry import CacheEntry, entry_hash

__all__ = ["DiskTier"]

_FOLDER = "states"

_PART_SUFFIXES = (".part", ".tmp")  # of unfinished files, today's and those of earlier versions

_PART_LIFETIME = 3600  # seconds after which an unfinished file is taken for abandoned

_EVICT_TO = 0.9  # of the limit, so that not every new file evicts another

_READ_ATTEMPTS = 3  # another process may remove and rewrite a file while it is read

_RECOUNT = 0.05  # of the limit: bytes written before the files of other processes are counted


class DiskTier:
    """A folder of at most `limit` bytes; the least recently used file is evicted first.

    The files are in a subfolder `states` of `folder`, which only the user can read. Several
    processes may use it at once without a lock; together they may exceed the limit by 5 % each
    for a moment. If the disk is full or cannot be written to, nothing is cached and the work goes
    on. Raises `InvalidInputError` for a folder that cannot be made or belongs to somebody else.
    """

    def __init__(self, folder: str | Path, limit: int) -> None:
        self.limit = limit
        self.evictions = self.damaged = self.bytes = 0
        self._folder = _private_folder(Path(folder).expanduser() / _FOLDER)
        self._uncounted = 0
        self._evict_over_limit()

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def get(self, key: str) -> CacheEntry | None:
        """The entry under `key`, memory-mapped, on the CPU; None if there is none."""
        path = self._path(key)
        for _ in range(_READ_ATTEMPTS):
            if not path.is_file():
                return None
            try:
                entry = _read(path, key)
            except MemoryError:
                return None
            except Exception:  # noqa: S112 (safetensors' own kind, json, OSError, ValueError)
                continue
            with contextlib.suppress(OSError):
                os.utime(path)  # the modification time says when the file was last used
            return entry
        self.damaged += 1
        path.unlink(missing_ok=True)
        return None

    def put(self, key: str, entry: CacheEntry) -> None:
        """Write an entry, and evict others if the folder is then over its limit."""
        path = self._path(key)
        if path.is_file() or entry.nbytes > self.limit:
            return
        try:
            write_atomically(path, lambda part: _write(part, key, entry))
            size = path.stat().st_size
        except OSError:  # a full disk must not make a query fail
            return
        self.bytes += size
        self._uncounted += size
        if self.bytes > self.limit or self._uncounted > self.limit * _RECOUNT:
            self._evict_over_limit()

    def clear(self) -> None:
        """Remove all entries."""
        for _, _, path in self._files():
            path.unlink(missing_ok=True)
        self.bytes = self._uncounted = 0

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """The time of last use, size and path of each entry; removes abandoned part files."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process may have removed it
                    status = entry.stat(follow_symlinks=False)
                    path = Path(entry.path)
                    if path.suffix in _PART_SUFFIXES:
                        if time.time() - status.st_mtime > _PART_LIFETIME:
                            path.unlink(missing_ok=True)
                    elif path.suffix == ".safetensors":
                        yield status.st_mtime, status.st_size, path

    def _evict_over_limit(self) -> None:
        """Count the files of all processes, and remove the least recently used over the limit."""
        files = sorted(self._files())
        self.bytes, self._uncounted = sum(size for _, size, _ in files), 0
        if self.bytes <= self.limit:
            return
        for _, size, path in files:
            if self.bytes <= self.limit * _EVICT_TO:
                break
            with contextlib.suppress(OSError):  # on Windows a mapped file cannot be removed
                path.unlink(missing_ok=True)
                self.bytes -= size
                self.evictions += 1


def _private_folder(folder: Path) -> Path:
    """Make a folder that only the user can read; refuse another user's folder, or a link."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        raise InvalidInputError(f"a folder cannot be made at {folder}: {error}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidInputError(f"{folder} is a link or a file, not a folder")
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            raise InvalidInputError(f"{folder} belongs to another user")
        folder.chmod(0o700)
    return folder


def _write(path: Path, key: str, entry: CacheEntry) -> None:
    """Write an entry to a new file that only the user can read."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in entry.tensors.items()}
    path.touch(mode=0o600)
    facts = json.dumps(dict(entry.facts))
    save_file(tensors, path, {"key": key, "facts": facts, "hash": entry_hash(key, facts, tensors)})


def _read(path: Path, key: str) -> CacheEntry:
    """Raises what safetensors raises for a damaged header, ValueError for damaged tensors."""
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.get("hash") != entry_hash(key, metadata.get("facts", ""), tensors):
        raise ValueError(f"{path} is damaged")
    return CacheEntry(
        tensors, {name: int(value) for name, value in json.loads(metadata["facts"]).items()}
    )
