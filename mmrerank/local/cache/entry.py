"""One entry of the state cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Kept"]

_ENTRY = 1024  # bytes: what an entry costs beside its tensors, rounded up


@dataclass(frozen=True, slots=True)
class Kept:
    """Tensors that belong together, and small numbers about them."""

    tensors: Mapping[str, Any]
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """What it costs in memory."""
        return sum(int(tensor.nbytes) for tensor in self.tensors.values()) + _ENTRY

    def to(self, device: Any) -> Kept:
        """The same on another device; itself where nothing has to move."""
        if all(tensor.device.type == device.type for tensor in self.tensors.values()):
            return self
        moved = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return Kept(moved, self.facts)
