"""What a sync of an index did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmrerank.errors import RerankError

__all__ = ["SyncReport"]


@dataclass(slots=True)
class SyncReport:
    """What a `sync` did, by path: `failed` and `skipped` have a reason for each file.

    `timings` are in seconds: "load" is the reading of files, "index" the writing of what they hold.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, RerankError]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    images_removed: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)
