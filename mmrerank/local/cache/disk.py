"""What was read, in files: one safetensors file a key, shared by processes, kept over restarts.

Files are written whole and then renamed, so a reader sees all of a file or none of it. They are
memory-mapped when read, and nothing in them is ever run. Each carries the hash of its tensors: a
file that was damaged is removed, and what it held is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from mmrerank.errors import InvalidInputError
from mmrerank.local.cache.entry import Kept

__all__ = ["DiskTier"]

_FOLDER = "states"

_LEFT_OVER = 3600  # seconds after which an unfinished file has no writer any more

_KEEP = 0.9  # of the limit, when room is made: not again for each file

_READS = 3  # before a file counts as damaged: another process may remove and rewrite it meanwhile

_RECOUNT = 0.05  # of the limit: how much is written before other processes' files are counted


class DiskTier:
    """A folder of files, of at most `limit` bytes; the least recently used goes first. Not locked.

    The files lie in a folder `states` of `folder`, which only the user can read. Several
    processes may use it at once; together they may pass the limit by 5 % each for a moment.
    Where the disk is full or cannot be written, nothing is kept and the work goes on.
    """

    def __init__(self, folder: str | Path, limit: int) -> None:
        self.limit = limit
        self.evictions = self.damaged = self.bytes = 0
        self._folder = _private(Path(folder).expanduser() / _FOLDER)
        self._uncounted = 0
        self._make_room()

    def get(self, key: str) -> Kept | None:
        """What the file of `key` holds, memory-mapped, on the CPU; None where there is none."""
        path = self._path(key)
        for _ in range(_READS):
            if not path.is_file():
                return None
            try:
                kept = _read(path, key)
            except MemoryError:
                return None
            except Exception:  # noqa: S112 (safetensors' own kind, json, OSError, ValueError)
                continue
            with contextlib.suppress(OSError):
                os.utime(path)  # the time tells when it was used last
            return kept
        self.damaged += 1
        path.unlink(missing_ok=True)
        return None

    def put(self, key: str, kept: Kept) -> None:
        """Write a file, and make room if there is too much."""
        path = self._path(key)
        if path.is_file() or kept.nbytes > self.limit:
            return
        unfinished = self._folder / f"{uuid4().hex}.tmp"
        try:
            _write(unfinished, key, kept)
            os.replace(unfinished, path)
            size = path.stat().st_size
        except OSError:  # a full disk must not fail a query
            unfinished.unlink(missing_ok=True)
            return
        self.bytes += size
        self._uncounted += size
        if self.bytes > self.limit or self._uncounted > self.limit * _RECOUNT:
            self._make_room()

    def clear(self) -> None:
        """Remove all files."""
        for _, _, path in self._files():
            path.unlink(missing_ok=True)
        self.bytes = self._uncounted = 0

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each file was used last, its size, its path."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # another process may have removed it
                    status = entry.stat(follow_symlinks=False)
                    path = Path(entry.path)
                    if path.suffix == ".tmp":
                        if time.time() - status.st_mtime > _LEFT_OVER:
                            path.unlink(missing_ok=True)
                    elif path.suffix == ".safetensors":
                        yield status.st_mtime, status.st_size, path

    def _make_room(self) -> None:
        """Count what is there, by whichever process, and remove the oldest if it is too much."""
        files = sorted(self._files())
        self.bytes, self._uncounted = sum(size for _, size, _ in files), 0
        if self.bytes <= self.limit:
            return
        for _, size, path in files:
            if self.bytes <= self.limit * _KEEP:
                break
            with contextlib.suppress(OSError):  # on Windows a mapped file cannot be removed
                path.unlink(missing_ok=True)
                self.bytes -= size
                self.evictions += 1


def _private(folder: Path) -> Path:
    """Make the folder for the user alone; refuse one that is another user's, or a link."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        raise InvalidInputError(f"no folder can be made at {folder}: {error}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidInputError(f"{folder} is not a folder of its own")
    if hasattr(os, "getuid"):
        if status.st_uid != os.getuid():
            raise InvalidInputError(f"{folder} belongs to another user")
        folder.chmod(0o700)
    return folder


def _write(path: Path, key: str, kept: Kept) -> None:
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in kept.tensors.items()}
    path.touch(mode=0o600)
    facts = json.dumps(dict(kept.facts))
    save_file(tensors, path, {"key": key, "facts": facts, "hash": _hash(key, facts, tensors)})


def _read(path: Path, key: str) -> Kept:
    """Raises what safetensors raises for a damaged header, ValueError for damaged tensors."""
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        about = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if about.get("hash") != _hash(key, about.get("facts", ""), tensors):
        raise ValueError(f"{path} is damaged")
    return Kept(tensors, {name: int(value) for name, value in json.loads(about["facts"]).items()})


def _hash(key: str, facts: str, tensors: dict[str, Any]) -> str:
    """SHA-256 over all that a file holds."""
    import torch

    made = hashlib.sha256(f"{key} {facts}".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        made.update(f" {name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        made.update(tensor.flatten().view(torch.uint8).numpy())
    return made.hexdigest()
