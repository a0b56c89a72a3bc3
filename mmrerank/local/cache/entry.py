"""One entry of the state cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CacheEntry", "entry_hash"]

_OVERHEAD = 1024  # bytes that an entry takes in addition to its tensors, rounded up


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Named tensors that belong together, and integers that describe them."""

    tensors: Mapping[str, Any]
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The bytes of memory that the entry takes."""
        return sum(int(tensor.nbytes) for tensor in self.tensors.values()) + _OVERHEAD

    def to(self, device: Any) -> CacheEntry:
        """The entry on another device; the same object if its tensors are there already."""
        if all(tensor.device.type == device.type for tensor in self.tensors.values()):
            return self
        moved = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return CacheEntry(moved, self.facts)


def entry_hash(key: str, facts: str, tensors: Mapping[str, Any]) -> str:
    """The SHA-256 of everything in a stored entry; `facts` are JSON, the tensors on the CPU."""
    import torch

    digest = hashlib.sha256(f"{key} {facts}".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f" {name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
