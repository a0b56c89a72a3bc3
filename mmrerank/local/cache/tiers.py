"""Opens the tiers of a state cache that its settings name; the imports of the others are saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmrerank.local.cache.memory import Reuse, StateCache

if TYPE_CHECKING:
    from mmrerank.local.cache.disk import DiskTier
    from mmrerank.local.cache.remote import RemoteTier

__all__ = ["open_cache"]


def open_cache(reuse: Reuse, device: Any, host: Any) -> StateCache:
    """A cache for a model on `device`; `host` is the CPU as a device.

    Raises `InvalidInputError` for a folder that cannot be used, and `MissingDependencyError` if
    there is a URL and the extra `remote` is not installed.
    """
    return StateCache(reuse, device, host, _disk(reuse), _remote(reuse))


def _disk(reuse: Reuse) -> DiskTier | None:
    if reuse.disk is None:
        return None
    from mmrerank.local.cache.disk import DiskTier

    return DiskTier(reuse.disk, reuse.disk_bytes)


def _remote(reuse: Reuse) -> RemoteTier | None:
    if reuse.remote is None:
        return None
    from mmrerank.local.cache.remote import RemoteTier
    from mmrerank.optional import require

    require("zstandard")
    limit, timeout = reuse.remote_bytes, reuse.remote_timeout
    return RemoteTier(reuse.remote, reuse.remote_options, limit=limit, timeout=timeout)
