"""What changes an index, by the steps that make it survive a kill.

::

    1. intend       the ledger records the new vector ids
    2. (vectors)    the vector store takes them
    3. swap         one commit of the ledger replaces a file's entries; the old vector ids become
                    garbage
    4. (vectors)    the vector store deletes the garbage, then the ledger forgets it

`mmrerank.index.sqlite_writer` needs all four, since its vectors are in another database. In LanceDB
(`mmrerank.index.lance`) vectors and entries are one row: steps 1 and 4 are empty, step 2 keeps the
vectors in memory, and step 3 is the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pictures import Picture

__all__ = ["CaptionRow", "Writer"]

CaptionRow = tuple[str, str, str, str, str, bytes]
"""Reference of the image, key, model, caption (JSON), words, vector (32-bit floats)."""


class Writer(Protocol):
    """The changes that an indexer makes. All methods may raise `StoreError`."""

    def left_over(self) -> list[str]:
        """Vector ids that the vector store must delete: intents of killed writers, and garbage."""

    def intend(self, vector_ids: Iterable[str]) -> None:
        """Record vector ids before the vector store takes them."""

    def swap(
        self,
        file: FileRecord,
        entries: Sequence[Entry],
        images: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Replace a file and all its entries; what was intended for it is live now.

        `images` are those of `add_image_vectors`.
        """

    def touch(self, file: FileRecord) -> None:
        """Record a file whose times changed and whose content did not."""

    def remove(self, path: str) -> None:
        """Remove a file and all its entries."""

    def forget(self, vector_ids: Iterable[str]) -> None:
        """Forget vector ids that the vector store has deleted."""

    def set_captions(self, rows: Sequence[CaptionRow]) -> None:
        """Put captions in place of older ones of their images."""

    def remove_unused_captions(self) -> None:
        """Remove the captions of images that no entry refers to any more."""

    def add_image_vectors(self, images: Mapping[str, str]) -> None:
        """Record by vector id that images are embedded, or else why they cannot be."""

    def forget_image_vectors(self, vector_ids: Iterable[str]) -> None:
        """Forget that images are embedded, so that they are embedded again."""

    def add_pictures(self, pictures: Mapping[str, Picture]) -> None:
        """Record what images show, by reference."""

    def forget_pictures(self) -> None:
        """Forget images that no entry refers to. Without any, nothing is written."""

    def remove_unused_images(self) -> int:
        """Remove images that no entry refers to; how many."""

    def set_note(self, name: str, value: str) -> None:
        """Record a fact about the whole index."""

    def damaged_files(self) -> dict[str, list[str]]:
        """What only this kind of index can suffer, with the files concerned; {} for nothing."""
