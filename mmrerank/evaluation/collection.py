"""Documents of a published collection, written as files that an index can read, one file each."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrerank.errors import DocumentError, ImageError, warn
from mmrerank.evaluation.data import document_file
from mmrerank.filesystem import write_atomically
from mmrerank.images.decode import open_header
from mmrerank.progress import progress

__all__ = ["WHOLE_DOCUMENTS", "CollectionDocument", "write_documents"]

WHOLE_DOCUMENTS = {"chunk_size": 10_000_000}
"""Options of loaders: a document of a collection is judged as a whole, so it is one chunk."""

_LONGEST_NAME = 200  # bytes; file systems allow 255

_MARKER = ".complete"
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif"}


@dataclass(frozen=True, slots=True)
class CollectionDocument:
    """A document of a collection: its id, its text, and the bytes of an image file."""

    id: str
    text: str = ""
    image: bytes | None = None


def write_documents(
    documents: Iterable[CollectionDocument],
    folder: Path,
    sources: Sequence[Path],
    *,
    show_progress: bool = False,
) -> Path:
    """Write each document as a file; the folder with the files. Raises OSError.

    Text becomes a text file, an image an image file, both a Markdown file that holds its image.
    If the `sources` (the files that the documents come from) have not changed since the last time,
    nothing is written. Documents without text and image are left out with a `RerankWarning`. Raises
    `DocumentError` for an image of an unknown format, and for two ids that cannot both be files.
    """
    stamp = json.dumps([[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in sources])
    marker = folder / _MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written: set[str] = set()
    blank = 0
    for document in progress(documents, "Writing documents", show=show_progress, unit="documents"):
        if not document.text.strip() and document.image is None:
            blank += 1
            continue
        name = _write(document, folder)
        if name.casefold() in written:  # some file systems do not tell "A" from "a"
            raise DocumentError(str(sources[0]), f"the id {document.id!r} is there twice")
        written.add(name.casefold())
    if blank:
        warn(f"{blank} documents without text and image were left out")
    write_atomically(marker, stamp.encode())
    return folder


def _write(document: CollectionDocument, folder: Path) -> str:
    """Write a document; the name of its file without the suffix."""
    stem = document_file(document.id, "")
    if not stem or len(stem) > _LONGEST_NAME:
        raise DocumentError(document.id[:80], "its id is empty, or too long for a file's name")
    text, image = document.text.encode("utf-8", "replace"), document.image
    if image is None:
        suffix, data = ".txt", text
    elif not text.strip():
        suffix, data = _SUFFIXES[_format(image, document.id)], image
    else:  # in one file: an image beside it would be a document of its own
        kind = _format(image, document.id).lower().encode()
        uri = b"data:image/" + kind + b";base64," + base64.b64encode(image)
        suffix, data = ".md", text + b"\n\n![](" + uri + b")\n"
    write_atomically(folder / (stem + suffix), data)
    return stem


def _format(image: bytes, name: str) -> str:
    try:
        kind = open_header(image, name).format or ""
    except ImageError as error:
        raise DocumentError(name, error.reason) from None
    if kind not in _SUFFIXES:
        raise DocumentError(name, f"its image has the format {kind}, which is not read")
    return kind
