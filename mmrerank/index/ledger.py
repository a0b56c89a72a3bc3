"""The ledger of an index: which files and entries are live.

`SQLiteLedger` is that of a folder, beside its vectors; `mmrerank.index.lance` keeps one at a URL.
Readers keep only what is live in the ledger, whatever the vector store holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mmrerank.index.pictures import Picture

__all__ = ["Entry", "FileRecord", "Ledger", "Unembedded", "WordsOf"]

WordsOf = Literal["entries", "captions"]
"""What has words to be searched: the entries, or the captions that a model wrote."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the index: size in bytes, time of its last change in nanoseconds.

    `options` is a hash of the loader's options, `digest` the SHA-256 of the content.
    """

    path: str
    size: int
    modified: int
    options: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk or figure of a file. `vector_id` names its vector in the vector store.

    `words` are the tokens that the lexical route searches, separated by spaces: those of the text,
    the captions and the words in images. `images` are references relative to the image root.
    `number` is the ledger's own; 0 before the entry is written.
    """

    id: str
    vector_id: str
    path: str
    text: str
    words: str = ""
    kind: str = "text"
    page: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Unembedded:
    """An entry whose image has no vector yet: its vector id, its file, and the image's reference."""

    vector_id: str
    path: str
    ref: str


class Ledger(Protocol):
    """What searches and indexers read. All methods may raise `StoreError`."""

    @property
    def place(self) -> str:
        """Where the index is, for messages."""

    def close(self) -> None:
        """Close what is open. Safe to call twice."""

    def refresh(self) -> int:
        """See what others have written by now; the epoch."""

    def epoch(self) -> int:
        """A number that grows with each change that this ledger has seen."""

    def note(self, name: str) -> str | None:
        """A fact about the whole index, such as its embedder; None if it was never set."""

    def files(self) -> list[FileRecord]:
        """All files, ordered by path."""

    def __len__(self) -> int:
        """How many entries there are."""

    # -- entries

    def vector_ids(self) -> set[str]:
        """All live vector ids."""

    def entries(self, path: str) -> list[Entry]:
        """The entries of a file, in their order; [] for a file that is not in the index."""

    def live(self, vector_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of those vector ids that are live."""

    def numbered(self, numbers: Sequence[int]) -> dict[int, Entry]:
        """The entries with these numbers that are live, all as of one moment."""

    def numbers(self, vector_ids: Sequence[str], *, needs_text: bool = False) -> dict[str, int]:
        """The numbers of the live entries, or those with text, among those with these vector ids."""

    def words_of_pages(self, path: str, pages: Sequence[int]) -> dict[int, list[str]]:
        """The words of all entries of a file on these pages, in their order."""

    def has_field(self, name: str) -> bool:
        """Has any entry this key in its metadata? Reads all entries."""

    # -- images

    def images(self) -> set[str]:
        """All images that live entries refer to."""

    def fetch_images(self, entries: Sequence[Entry]) -> None:
        """Bring the images of entries to the local image root, with what is known of them.

        One that cannot be had is left out, with a `RerankWarning`; a folder has them already.
        """

    def fetch_all_images(self) -> None:
        """As `fetch_images`, for all entries."""

    def missing_images(self) -> set[str]:
        """The images that live entries refer to and that are not stored."""

    def pictures(self, refs: Sequence[str]) -> dict[str, Picture]:
        """What is known of images, to compare them; images not yet examined are left out."""

    def figures_without_picture(self) -> list[Entry]:
        """Entries of figures whose images are not yet examined."""

    def texts_of_images(self, refs: Sequence[str]) -> dict[str, str]:
        """Captions and words of figures, by image; images without an entry are left out."""

    def unembedded(self) -> list[Unembedded]:
        """The entries that lack the vector of an image; see `mmrerank.index.image_vectors`."""

    def has_image_vectors(self) -> bool:
        """Has any entry the vector of an image?"""

    def image_vector_ids(self) -> set[str]:
        """The vector ids of the entries that were given the vector of an image."""

    # -- words

    def count(self, of: WordsOf) -> int:
        """How many entries, or captions, there are."""

    def word_counts(self, of: WordsOf, words: Sequence[str]) -> dict[str, int]:
        """How many have each of these words; words that none has may be left out."""

    def matching(self, of: WordsOf, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The numbers of the best `k` with any of these words, with BM25 scores, best first."""

    # -- generated captions

    def captions(self, refs: Sequence[str] | None) -> list[tuple[str, str, str, str]]:
        """Reference, key, model and caption (JSON) of these images, or of all."""

    def caption_vectors(self) -> list[tuple[int, bytes]]:
        """The number and vector (32-bit floats, little-endian) of each caption."""

    def captioned_entries(self, number: int) -> list[int]:
        """The numbers of the entries with the image of this caption, in their order."""
