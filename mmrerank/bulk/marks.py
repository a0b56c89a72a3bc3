"""Which documents are captioned and warmed: an empty object each, beside the index.

A mark is named by the document, its content, and the options and settings it was done with, and is
written last. So a missing one means that there may be something left to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from mmrerank.index.lance.storage import Place
from mmrerank.index.ledger import FileRecord

__all__ = ["Marks", "mark_of"]

_AT_ONCE = 1_000  # objects that are removed by one request


def mark_of(record: FileRecord) -> str:
    """The name of a document's mark."""
    text = f"{record.path}\0{record.digest}\0{record.options}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Marks:
    """The marks of one kind of work with one set of settings. Raises `StoreError`."""

    def __init__(self, place: Place, kind: str, settings: str) -> None:
        digest = hashlib.sha256(settings.encode()).hexdigest()[:16]
        self._place, self._folder = place, f"done/{kind}-{digest}"

    def all(self) -> set[str]:
        """All marks."""
        with self._place.errors("read"):
            return {
                one["path"].removeprefix(f"{self._folder}/")
                for some in self._place.objects.list(f"{self._folder}/")
                for one in some
            }

    def has(self, mark: str) -> bool:
        """Is this document done?"""
        with self._place.errors("read"):
            try:
                self._place.objects.head(f"{self._folder}/{mark}")
            except FileNotFoundError:
                return False
            return True

    def add(self, mark: str) -> None:
        """Mark a document as done."""
        with self._place.errors("written"):
            self._place.objects.put(f"{self._folder}/{mark}", b"")

    def remove(self, marks: Iterable[str]) -> None:
        """Remove marks of documents that are gone or were changed."""
        paths = [f"{self._folder}/{mark}" for mark in sorted(marks)]
        with self._place.errors("written"):
            for start in range(0, len(paths), _AT_ONCE):
                self._place.objects.delete(paths[start : start + _AT_ONCE])
