"""The documents of a folder or of object storage: their list, and a local file of each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from mmrerank.errors import DocumentError, InvalidInputError, StoreError
from mmrerank.index.lance.storage import Storage, is_url
from mmrerank.index.scan import absolute, scan, size_and_time
from mmrerank.loaders.files import LOADERS
from mmrerank.object_storage import check_object_url, object_store, short_reason

__all__ = ["Document", "FolderSource", "Listing", "ObjectSource", "Source", "open_source"]


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its path or URL, bytes, and the time of its last change in nanoseconds.

    The time is that of the folder's or the storage's own clock, and is only compared with itself.
    """

    name: str
    size: int
    modified: int


@dataclass(slots=True)
class Listing:
    """What a source has: `documents` to read, and with a reason those `skipped` and `failed`.

    Nothing is known about what is in the folders `unreadable`.
    """

    documents: list[Document] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[DocumentError] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Source(Protocol):
    """Where documents are. Actors get a pickled copy, without credentials."""

    @property
    def name(self) -> str:
        """The absolute path or the URL."""

    def listing(self, exclude: str) -> Listing:
        """All documents, but for what is below the index at the URL `exclude`.

        Raises `DocumentError` if there is no such folder, `StoreError` if storage does not answer.
        """

    def holds(self, name: str) -> bool:
        """Is this the name of a document that the source has or had?"""

    def local(self, document: Document, folder: Path) -> Any:
        """A context manager that gives a local file, which may be in `folder`.

        Raises `DocumentError` for one that is gone, cannot be read, or was changed.
        """


def open_source(source: str | os.PathLike[str], storage: Storage) -> Source:
    """The source of a path or URL. Raises `InvalidInputError` for one that cannot be used."""
    name = os.fspath(source)
    if not is_url(name):
        return FolderSource(absolute(name))
    return ObjectSource(name, storage)


@dataclass(frozen=True)
class FolderSource:
    """A folder or file, which all machines have at the same path."""

    name: str

    def listing(self, exclude: str) -> Listing:
        """See `Source`."""
        parts = urlsplit(exclude)
        own = Path(unquote(parts.path)) if parts.scheme == "file" else Path(os.devnull)
        found = scan([self.name], exclude=own)
        listing = Listing(skipped=[(str(path), reason) for path, reason in found.skipped])
        for path, reason in found.unreadable:
            listing.unreadable.append(str(path))
            listing.failed.append(DocumentError(str(path), reason))
        for path in found.files:
            try:
                listing.documents.append(Document(str(path), *size_and_time(path)))
            except DocumentError as error:
                listing.unreadable.append(str(path))
                listing.failed.append(error)
        return listing

    def holds(self, name: str) -> bool:
        """See `Source`."""
        return not is_url(name) and Path(name).is_relative_to(self.name)

    @contextmanager
    def local(self, document: Document, folder: Path) -> Iterator[Path]:
        """See `Source`; the file itself."""
        path = Path(document.name)
        self._check(path, document)
        yield path
        self._check(path, document)

    @staticmethod
    def _check(path: Path, document: Document) -> None:
        if size_and_time(path) != (document.size, document.modified):
            raise _changed(document)


class ObjectSource:
    """The objects below a URL; a document's name is its own URL."""

    def __init__(self, url: str, storage: Storage) -> None:
        self.name = check_object_url(url, {})
        if self.name.startswith("file:"):
            raise InvalidInputError("a folder of documents is given by its path, not as file://")
        self._storage = storage
        self._opened: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectSource, (self.name, self._storage)

    @property
    def _store(self) -> Any:
        if self._opened is None:
            storage = self._storage
            self._opened = object_store(
                self.name,
                storage.options,
                timeout=storage.timeout,
                retries=storage.retries,
                extra="ray",
                purpose="documents on object storage",
            )
        return self._opened

    def listing(self, exclude: str) -> Listing:
        """See `Source`."""
        listing = Listing()
        try:
            objects = [one for batch in self._store.list() for one in batch]
        except Exception as error:
            raise StoreError(f"{self.name} cannot be listed: {short_reason(error)}") from None
        for one in sorted(objects, key=lambda one: str(one["path"])):
            name = f"{self.name}/{one['path']}"
            path = PurePosixPath(one["path"])
            if name.startswith(f"{exclude}/") or any(p.startswith(".") for p in path.parts):
                continue
            if path.suffix.lower() in LOADERS:
                changed = _nanoseconds(one["last_modified"])
                listing.documents.append(Document(name, int(one["size"]), changed))
            else:
                kind = path.suffix.lower() or "without a suffix"
                listing.skipped.append((name, f"unknown format ({kind})"))
        return listing

    def holds(self, name: str) -> bool:
        """See `Source`."""
        return name.startswith(f"{self.name}/")

    @contextmanager
    def local(self, document: Document, folder: Path) -> Iterator[Path]:
        """See `Source`; a copy, which is removed at the end."""
        key = document.name.removeprefix(f"{self.name}/")
        path = folder / PurePosixPath(key).name
        try:
            self._copy(key, document, path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _copy(self, key: str, document: Document, path: Path) -> None:
        try:
            answer = self._store.get(key)
            with path.open("wb") as file:
                for part in answer.stream():
                    file.write(bytes(part))
        except FileNotFoundError:
            raise DocumentError(document.name, "is gone") from None
        except Exception as error:  # what obstore raises, and a full disk
            reason = f"cannot be read ({short_reason(error)})"
            raise DocumentError(document.name, reason) from None
        # The header of an answer has whole seconds, a listing may have milliseconds.
        known = int(answer.meta["size"]), int(answer.meta["last_modified"].timestamp())
        if known != (document.size, document.modified // 10**9):
            raise _changed(document)


def _changed(document: Document) -> DocumentError:
    return DocumentError(document.name, "changed while it was read; run this again")


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000
