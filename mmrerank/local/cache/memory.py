"""The state cache: what a local model has computed of a document or image, for later queries.

Two kinds of state are cached: the vision tower's output for an image (m0, Qwen3-VL) and the keys
and values of a whole document (m0, whose prompts put the document first). They are cached in
memory and, if a folder is given, on disk as well. No torch here.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.errors import InvalidInputError
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.object_storage import check_object_url

if TYPE_CHECKING:
    from mmrerank.local.cache.disk import DiskTier
    from mmrerank.local.cache.remote import RemoteTier

__all__ = ["CacheInfo", "Kind", "MemoryTier", "Reuse", "StateCache"]

Kind = Literal["vision", "document"]
"""What an entry is: the tower's output for an image, or the keys and values of a document."""

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """Where a local model caches what it has computed of documents, and how much of it.

    `memory`: bytes; the least recently used entry is evicted first. A token of jina-reranker-m0
    takes 28 KiB in bfloat16 (56 KiB in float32), so a page of 768 tokens takes about 21 MiB, and
    the default of 1 GiB is enough for about 48 pages or 180 texts of 200 tokens. `place`: the
    memory of the model's device (`"device"`) or host memory (`"host"`). `disk`: a folder that
    belongs to the user, shared by processes and still there after a restart; `disk_bytes` is its
    limit. `states="int8"` stores documents' keys and values in 8 bits with one scale a channel:
    half the size of bfloat16, a quarter of float32, and no longer exact.

    `remote` is a URL of object storage (`s3://bucket/folder`, `gs://`, `az://`, `file://`) that
    machines share; `remote_bytes` is its limit. There, entries are compressed without loss.
    `remote_states="vision"` keeps the vision tower's output only, a tenth of the bytes of a page's
    state and most of its work; "all" keeps documents' states too. `remote_options` are those of
    object_store (`aws_endpoint`, `aws_region`, `allow_http`, ...), without credentials, which are
    read from the environment. A query waits at most `remote_timeout` seconds for the storage, and
    then computes what it did not get. Machines share entries of equal versions of torch,
    transformers and Pillow, if the model has the same name or path on them.

    Raises `InvalidInputError` for a value that cannot be used.
    """

    memory: int = _GIB
    place: Literal["device", "host"] = "device"
    disk: str | Path | None = None
    disk_bytes: int = 20 * _GIB
    states: Literal["exact", "int8"] = "exact"
    remote: str | None = None
    remote_bytes: int = 1024 * _GIB
    remote_states: Literal["vision", "all"] = "vision"
    remote_options: Mapping[str, str] = field(default_factory=dict)
    remote_timeout: float = 5.0

    def __post_init__(self) -> None:
        for name in ("memory", "disk_bytes", "remote_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise InvalidInputError(f"{name} is a number of bytes, not {value!r}")
        if self.place not in ("device", "host"):
            raise InvalidInputError(f'place is "device" or "host", not {self.place!r}')
        if self.states not in ("exact", "int8"):
            raise InvalidInputError(f'states is "exact" or "int8", not {self.states!r}')
        if self.remote_states not in ("vision", "all"):
            raise InvalidInputError(
                f'remote_states is "vision" or "all", not {self.remote_states!r}'
            )
        if not isinstance(self.remote_timeout, (int, float)) or not 0 < self.remote_timeout < 3600:
            raise InvalidInputError(f"remote_timeout is in seconds, not {self.remote_timeout!r}")
        if self.remote is not None:
            check_object_url(self.remote, self.remote_options)

    @property
    def is_kept(self) -> bool:
        """Do entries outlive the process?"""
        return self.disk is not None or self.remote is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """Counts of a state cache. Each look-up is of one image or one document.

    `hits` counts look-ups answered from memory or disk, `disk_hits` those answered from disk.
    `bytes` and `entries` describe what is in memory now; `evictions` counts entries evicted from
    memory for space, `disk_evictions` files removed for space, and `disk_damaged` files that were
    damaged and therefore removed.

    Of `Reuse(remote=...)`: `remote_hits` counts look-ups answered from there, `remote_written` the
    bytes written (compressed), `remote_evictions` objects removed for space, `remote_damaged`
    objects that were damaged, `remote_dropped` entries that were not written, and `remote_errors`
    requests that failed.
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
    remote_hits: int = 0
    remote_written: int = 0
    remote_evictions: int = 0
    remote_damaged: int = 0
    remote_dropped: int = 0
    remote_errors: int = 0


class MemoryTier:
    """A least-recently-used cache of at most `budget` bytes. Not locked."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = self.evictions = self.refused = 0
        self._entries: OrderedDict[str, CacheEntry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> CacheEntry | None:
        """The entry under `key`, which becomes the most recently used; None if there is none."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: CacheEntry) -> None:
        """Add an entry or replace it; one that is larger than the whole budget is refused."""
        if key in self._entries:
            self.bytes -= self._entries.pop(key).nbytes
        if entry.nbytes > self.budget:
            self.refused += 1
            return
        while self.bytes + entry.nbytes > self.budget:
            self.evict_least_recent()
        self._entries[key] = entry
        self.bytes += entry.nbytes

    def evict_least_recent(self) -> None:
        """Remove the entry that was used least recently. Raises KeyError if there is none."""
        _, entry = self._entries.popitem(last=False)
        self.bytes -= entry.nbytes
        self.evictions += 1

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self.bytes = 0


class StateCache:
    """A memory tier in front of optional tiers on disk and on object storage. Thread-safe.

    Keys are opaque here: whoever makes a key puts everything into it that the value depends on.
    """

    def __init__(
        self,
        reuse: Reuse,
        device: Any,
        host: Any,
        disk: DiskTier | None = None,
        remote: RemoteTier | None = None,
    ) -> None:
        self.reuse, self._device, self._disk, self._remote = reuse, device, disk, remote
        self._memory_device = device if reuse.place == "device" else host
        self._memory = MemoryTier(reuse.memory)
        self._lock = threading.Lock()
        self._hits = self._misses = self._disk_hits = self._remote_hits = 0

    @property
    def chunk_bytes(self) -> int:
        """The most bytes a caller may use at a time: entries from disk may not be in memory."""
        return self.reuse.memory // 2

    def get(self, key: str, kind: Kind) -> CacheEntry | None:
        """The entry under `key`, on the model's device; None if there is none."""
        return self.get_all([key], kind).get(key)

    def has(self, key: str) -> bool:
        """Whether there is an entry in memory or in the folder; the storage is not asked."""
        with self._lock:
            return key in self._memory or (self._disk is not None and key in self._disk)

    def get_all(self, keys: Sequence[str], kind: Kind) -> dict[str, CacheEntry]:
        """Those entries that are cached, on the model's device; the storage is asked once for all."""
        found: dict[str, CacheEntry] = {}
        with self._lock:
            for key in keys:
                entry = self._memory.get(key)
                if entry is None and self._disk is not None:
                    entry = self._load_from_disk(key, self._disk)
                if entry is not None:
                    found[key] = entry
        missing = [key for key in keys if key not in found]
        remote = self._remote_for(kind)
        # Not under the lock: it may take seconds.
        fetched = remote.get(list(dict.fromkeys(missing))) if remote and missing else {}
        with self._lock:
            for key, entry in fetched.items():
                found[key] = self._put_locally(key, entry)
            hits = sum(key in found for key in keys)
            self._hits += hits
            self._misses += len(keys) - hits
            self._remote_hits += len(fetched)
        return {key: entry.to(self._device) for key, entry in found.items()}

    def _load_from_disk(self, key: str, disk: DiskTier) -> CacheEntry | None:
        entry = disk.get(key)
        if entry is not None:
            self._disk_hits += 1
            entry = entry.to(self._memory_device)
            self._memory.put(key, entry)
        return entry

    def _put_locally(self, key: str, entry: CacheEntry) -> CacheEntry:
        """The entry as it is kept in memory, where there is room for it."""
        if self._disk is not None:
            self._disk.put(key, entry)
        entry = entry.to(self._memory_device)
        self._memory.put(key, entry)
        return entry

    def _remote_for(self, kind: Kind) -> RemoteTier | None:
        is_shared = kind == "vision" or self.reuse.remote_states == "all"
        return self._remote if is_shared else None

    def put(self, key: str, entry: CacheEntry, kind: Kind) -> None:
        """Cache an entry in memory and in those other tiers that there are."""
        with self._lock:
            self._put_locally(key, entry)
        if (remote := self._remote_for(kind)) is not None:
            remote.put(key, entry)

    def patiently(self) -> contextlib.AbstractContextManager[None]:
        """Within it, `put` waits where the storage is slow, so that nothing is left unwritten."""
        return contextlib.nullcontext() if self._remote is None else self._remote.patiently()

    def losses(self) -> int:
        """How many entries were evicted or refused that no other tier still has."""
        if self._disk is not None:
            return self._disk.evictions
        if self._remote is not None:  # which has all that its user wants to be kept
            return self._remote.dropped
        return self._memory.evictions + self._memory.refused

    def clear(self, *, disk: bool = False) -> None:
        """Remove all entries from memory and, with `disk=True`, from the folder."""
        with self._lock:
            self._memory.clear()
            if disk and self._disk is not None:
                self._disk.clear()

    def close(self) -> None:
        """Free the memory, and write what waits to be written. Safe to call twice."""
        self.clear()
        if self._remote is not None:
            self._remote.close()

    def info(self) -> CacheInfo:
        """The counts since this cache was made."""
        with self._lock:
            disk, remote = self._disk, self._remote
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
                remote_hits=self._remote_hits,
                remote_written=remote.written if remote else 0,
                remote_evictions=remote.evictions if remote else 0,
                remote_damaged=remote.damaged if remote else 0,
                remote_dropped=remote.dropped if remote else 0,
                remote_errors=remote.errors if remote else 0,
            )
