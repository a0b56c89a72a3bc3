"""One file, read in a process of its own: what hangs or crashes there costs no other document."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from mmrerank.errors import RerankWarning
from mmrerank.index.indexer import options_hash
from mmrerank.index.reading import FileReader
from mmrerank.loaders.base import Chunk, Link, chunk_id
from mmrerank.loaders.saving import save_facts

__all__ = ["Reading", "read_document"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read; `metadata` is the caller's own, the same for each document."""

    ocr: bool
    metadata: tuple[tuple[str, str], ...] = ()

    def reader(self, image_root: Path) -> FileReader:
        """A reader that saves images in `image_root`."""
        return FileReader(
            image_root,
            ocr=self.ocr,
            figures=True,
            metadata=lambda _: dict(self.metadata),
            options={},
        )

    def options(self) -> str:
        """The hash of these options that the index keeps of each file, as `Index.sync` makes it."""
        return options_hash(self.reader(Path()).facts(Path()))


@functools.cache
def _reader(reading: Reading, image_root: Path) -> FileReader:
    return reading.reader(image_root)


def read_document(
    path: Path, name: str, reading: Reading, image_root: Path
) -> tuple[list[Chunk], list[str]]:
    """The chunks of a file that is known by `name`, and the warnings about it.

    Raises `RerankError`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chunks = _reader(reading, image_root)(path, show_progress=False)
    if name != str(path):  # a copy from object storage
        chunks = [_renamed(chunk, i, name, image_root) for i, chunk in enumerate(chunks)]
    own = f"{path}: "
    ours = [one for one in caught if issubclass(one.category, RerankWarning)]
    return chunks, [str(one.message).removeprefix(own) for one in ours]


def _renamed(chunk: Chunk, number: int, name: str, image_root: Path) -> Chunk:
    """A chunk under the document's name, in place of that of the local copy."""
    links = [_renamed_link(link, name) for link in chunk.links]
    for link in links:
        save_facts(image_root, link.figure)
    refs = ",".join(link.figure.ref for link in links)
    # The number is that among all chunks: the positions of text and figures may be the same.
    return replace(
        chunk, id=chunk_id(name, number, f"{chunk.text}\0{refs}"), source=name, links=tuple(links)
    )


def _renamed_link(link: Link, name: str) -> Link:
    return replace(link, figure=replace(link.figure, source=name))
