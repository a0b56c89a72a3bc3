"""What a sync did, and what it could not do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.errors import DocumentError, RerankError
from mmrerank.index.ledger import FileRecord
from mmrerank.index.scan import Scan
from mmrerank.loaders.files import LOADERS

__all__ = ["SyncReport", "report_folders"]


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


def report_folders(scan: Scan, known: Mapping[str, FileRecord], report: SyncReport) -> None:
    """Report what could not be read in folders, and folders without a file to load."""
    unreadable = [path for path, _ in scan.unreadable]
    for path, reason in scan.unreadable:
        report.failed.append((str(path), DocumentError(str(path), reason)))
    for folder in scan.folders_without_files:
        below = [*unreadable, *map(Path, known)]
        if not any(path.is_relative_to(folder) for path in below):
            reason = f"has no file that can be loaded ({', '.join(LOADERS)})"
            report.failed.append((str(folder), DocumentError(str(folder), reason)))
