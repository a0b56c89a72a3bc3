"""What a local model has read is kept, so that the next query does not read it again.

Two kinds of things are kept: the vision tower's output for an image (m0, Qwen3-VL) and the keys
and values of a whole document (m0, whose prompts put the document first). Two places hold them:
memory, always, and a folder, if asked for. No torch here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.errors import InvalidInputError
from mmrerank.local.cache.entry import Kept

if TYPE_CHECKING:
    from mmrerank.local.cache.disk import DiskTier

__all__ = ["CacheInfo", "MemoryTier", "Reuse", "Store"]

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """Where a local model keeps what it has read, and how much of it.

    `memory`: bytes; the least recently used goes first. A token of jina-reranker-m0 takes 28 KiB
    in bfloat16 (56 KiB in float32), so a page of 768 tokens takes about 21 MiB, and the default of
    1 GiB holds about 48 pages or 180 texts of 200 tokens. `place`: beside the model (`"device"`)
    or in host memory (`"host"`). `disk`: a folder of the user's own, shared by processes and kept
    over restarts; `disk_bytes` is its limit. `states="int8"` stores documents' keys and values in
    8 bits a channel: a half of bfloat16, a quarter of float32, and no longer exact.
    """

    memory: int = _GIB
    place: Literal["device", "host"] = "device"
    disk: str | Path | None = None
    disk_bytes: int = 20 * _GIB
    states: Literal["exact", "int8"] = "exact"

    def __post_init__(self) -> None:
        for name in ("memory", "disk_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise InvalidInputError(f"{name} is a number of bytes, not {value!r}")
        if self.place not in ("device", "host"):
            raise InvalidInputError(f'place is "device" or "host", not {self.place!r}')
        if self.states not in ("exact", "int8"):
            raise InvalidInputError(f'states is "exact" or "int8", not {self.states!r}')


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """What `cache_info` tells. A look-up is one of an image or of a document.

    `hits` counts look-ups that found something in memory or on disk, `disk_hits` those of them
    that disk answered. `bytes` and `entries` are what memory holds now, `evictions` what left it
    for want of room. `disk_damaged` counts files that were found damaged and removed.
    """

    hits: int = 0
    misses: int = 0
    bytes: int = 0
    entries: int = 0
    evictions: int = 0
    disk_hits: int = 0
    disk_bytes: int = 0
    disk_evictions: int = 0
    disk_damaged: int = 0


class MemoryTier:
    """The least recently used leaves first; never more than `budget` bytes. Not locked."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = self.evictions = self.refused = 0
        self._entries: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Kept | None:
        """What is kept under `key`, now the most recently used."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: str, kept: Kept) -> None:
        """Keep it; what is larger than the whole budget is not kept."""
        if key in self._entries:
            self.bytes -= self._entries.pop(key).nbytes
        if kept.nbytes > self.budget:
            self.refused += 1
            return
        while self.bytes + kept.nbytes > self.budget:
            _, old = self._entries.popitem(last=False)
            self.bytes -= old.nbytes
            self.evictions += 1
        self._entries[key] = kept
        self.bytes += kept.nbytes

    def clear(self) -> None:
        """Let go of everything."""
        self._entries.clear()
        self.bytes = 0


class Store:
    """Memory in front of disk, and the counts. Safe from several threads.

    It is told keys, and does not know what they stand for: whoever makes a key puts into it all
    that the value depends on.
    """

    def __init__(self, reuse: Reuse, device: Any, host: Any, disk: DiskTier | None = None) -> None:
        self.reuse, self._device, self._disk = reuse, device, disk
        self._place = device if reuse.place == "device" else host
        self._memory = MemoryTier(reuse.memory)
        self._lock = threading.Lock()
        self._hits = self._misses = self._disk_hits = 0

    @property
    def chunk_bytes(self) -> int:
        """How much a call may take out at once: what disk gave may no longer be in memory."""
        return self.reuse.memory // 2

    def get(self, key: str) -> Kept | None:
        """What is kept under `key`, on the model's device."""
        with self._lock:
            found = self._memory.get(key)
            if found is None and self._disk is not None:
                found = self._from_disk(key)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
        return found.to(self._device)

    def _from_disk(self, key: str) -> Kept | None:
        assert self._disk is not None
        found = self._disk.get(key)
        if found is not None:
            self._disk_hits += 1
            found = found.to(self._place)
            self._memory.put(key, found)
        return found

    def put(self, key: str, kept: Kept) -> None:
        """Keep it in memory and, where there is a folder, on disk."""
        with self._lock:
            self._memory.put(key, kept.to(self._place))
            if self._disk is not None:
                self._disk.put(key, kept)

    def lost(self) -> int:
        """How many times something was let go of, and no other tier keeps it."""
        if self._disk is not None:
            return self._disk.evictions
        return self._memory.evictions + self._memory.refused

    def clear(self, *, disk: bool = False) -> None:
        """Let go of what memory holds and, if told, of what the folder holds."""
        with self._lock:
            self._memory.clear()
            if disk and self._disk is not None:
                self._disk.clear()

    def info(self) -> CacheInfo:
        """The counts since the store was made."""
        with self._lock:
            disk = self._disk
            return CacheInfo(
                hits=self._hits,
                misses=self._misses,
                bytes=self._memory.bytes,
                entries=len(self._memory),
                evictions=self._memory.evictions,
                disk_hits=self._disk_hits,
                disk_bytes=disk.bytes if disk else 0,
                disk_evictions=disk.evictions if disk else 0,
                disk_damaged=disk.damaged if disk else 0,
            )
