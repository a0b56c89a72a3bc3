"""One file, read in a process of its own: what hangs or crashes there costs no other document."""

from __future__ import annotations

import functools
import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from mmrerank.errors import RerankWarning
from mmrerank.index.indexer import options_hash
from mmrerank.index.reading import FileReader
from mmrerank.loaders.base import Chunk, Link, chunk_id
from mmrerank.loaders.figure_chunks import CITED_BY_KEY
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
        chunks = _renamed(chunks, name, image_root)
    own = f"{path}: "
    ours = [one for one in caught if issubclass(one.category, RerankWarning)]
    return chunks, [str(one.message).removeprefix(own) for one in ours]


def _renamed(chunks: list[Chunk], name: str, image_root: Path) -> list[Chunk]:
    """Chunks under their document's name, in place of that of the local copy."""
    # The number is that among all chunks: a text and a figure may have the same position.
    ids = {chunk.id: chunk_id(name, i, chunk.text) for i, chunk in enumerate(chunks)}
    renamed: list[Chunk] = []
    for chunk in chunks:
        links = tuple(_renamed_link(link, name) for link in chunk.links)
        for link in links:
            save_facts(image_root, link.figure)
        extra = dict(chunk.extra)
        if CITED_BY_KEY in extra:
            extra[CITED_BY_KEY] = json.dumps([ids[one] for one in json.loads(extra[CITED_BY_KEY])])
        renamed.append(replace(chunk, id=ids[chunk.id], source=name, links=links, extra=extra))
    return renamed


def _renamed_link(link: Link, name: str) -> Link:
    return replace(link, figure=replace(link.figure, source=name))
