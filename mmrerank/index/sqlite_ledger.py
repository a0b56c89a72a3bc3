"""A ledger in SQLite, beside the vectors; `mmrerank.index.sqlite_writer` changes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mmrerank.index.ledger import Entry, FileRecord, Unembedded, WordsOf
from mmrerank.index.pictures import Picture
from mmrerank.index.sqlite_file import SQLiteFile

__all__ = ["IMAGES", "SQLiteLedger"]

IMAGES = "images"
"""The folder of the images, in that of the index."""

_MAX_VARIABLES = 30_000  # in one SQL statement; SQLite takes 32,766

_TABLES: dict[WordsOf, str] = {"entries": "lexical", "captions": "caption_words"}
"""The tables of words, each with another of how many have each word."""

_SELECT = "SELECT number, id, vector_id, path, kind, page, text, words, metadata FROM entries"


_UNEMBEDDED = """
SELECT vector_id, path, ref FROM (
    SELECT number, vector_id, path, ref, row_number() OVER (
        PARTITION BY path, ref ORDER BY kind <> 'figure', number
    ) AS place
    FROM images JOIN entries ON images.entry = entries.number WHERE position = 0
) WHERE place = 1 AND vector_id NOT IN (SELECT vector_id FROM image_vectors) ORDER BY number
"""


class SQLiteLedger(SQLiteFile):
    """A ledger, open for reading; `mmrerank.index.sqlite_writer.writing` lets one process change it.

    Raises `StoreError` where the file is damaged, of a newer version, or cannot be opened.
    """

    @property
    def place(self) -> str:
        """The folder of the index."""
        return str(self.path.parent)

    # -- reading

    def refresh(self) -> int:
        """The epoch: SQLite shows what others have written at once."""
        return self.epoch()

    def epoch(self) -> int:
        """A number that grows with each change, whichever process makes it."""
        return int(self.note("epoch") or 0)

    def note(self, name: str) -> str | None:
        """A fact about the whole index, such as its embedder; None if it was never set."""
        rows = self.rows("SELECT value FROM notes WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def files(self) -> list[FileRecord]:
        """All files, ordered by path."""
        statement = "SELECT path, size, modified, options, digest FROM files ORDER BY path"
        return [FileRecord(*row) for row in self.rows(statement)]

    def __len__(self) -> int:
        return int(self.rows("SELECT count(*) FROM entries")[0][0])

    def vector_ids(self) -> set[str]:
        """All live vector ids."""
        return {row[0] for row in self.rows("SELECT vector_id FROM entries")}

    def entries(self, path: str) -> list[Entry]:
        """The entries of a file, in their order; [] for a file that is not in the index."""
        return self._entries(f"{_SELECT} WHERE path = ? ORDER BY number", path)

    def live(self, vector_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of those vector ids that are live."""
        return {entry.vector_id: entry for entry in self._matching("vector_id", vector_ids)}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Entry]:
        """The entries with these numbers that are live."""
        return {entry.number: entry for entry in self._matching("number", numbers)}

    def numbers(self, vector_ids: Sequence[str], *, needs_text: bool = False) -> dict[str, int]:
        """The numbers of the live entries, or those with text, among those with these vector ids."""
        has_text = "AND trim(text) <> ''" if needs_text else ""
        numbers: dict[str, int] = {}
        for some, marks in _in_pieces(vector_ids):
            statement = (
                f"SELECT vector_id, number FROM entries WHERE vector_id IN ({marks}) {has_text}"  # noqa: S608 - constants
            )
            numbers.update(self.rows(statement, some))
        return numbers

    def pictures(self, refs: Sequence[str]) -> dict[str, Picture]:
        """What is known of images, to compare them; images not yet examined are left out."""
        pictures: dict[str, Picture] = {}
        for some, marks in _in_pieces(refs):
            for ref, *facts in self.rows(
                f"SELECT ref, whole, inner, words FROM pictures WHERE ref IN ({marks})",  # noqa: S608 - marks only
                some,
            ):
                pictures[ref] = Picture(*facts)
        return pictures

    def figures_without_picture(self) -> list[Entry]:
        """Entries of figures whose images are not yet examined."""
        return self._entries(
            f"{_SELECT} WHERE kind = 'figure' AND number IN (SELECT entry FROM images "  # noqa: S608 - a constant
            "LEFT JOIN pictures USING (ref) WHERE pictures.ref IS NULL) ORDER BY number"
        )

    def words_of_pages(self, path: str, pages: Sequence[int]) -> dict[int, list[str]]:
        """The words of all entries of a file on these pages, in their order."""
        marks = ", ".join("?" * len(pages))
        words: dict[int, list[str]] = {}
        for page, own in self.rows(
            f"SELECT page, words FROM entries WHERE path = ? AND page IN ({marks}) ORDER BY number",  # noqa: S608 - marks only
            (path, *pages),
        ):
            words.setdefault(page, []).extend(own.split())
        return words

    def texts_of_images(self, refs: Sequence[str]) -> dict[str, str]:
        """Captions and words of figures, by image; images without an entry are left out."""
        marks = ", ".join("?" * len(refs))
        rows = self.rows(
            "SELECT images.ref, text, metadata FROM images JOIN entries ON images.entry = number "  # noqa: S608 - marks only
            f"WHERE entries.kind = 'figure' AND images.ref IN ({marks})",
            refs,
        )
        return {
            str(ref): str(text).removesuffix(str(json.loads(metadata).get("section", "")))
            for ref, text, metadata in rows
        }

    def images(self) -> set[str]:
        """All images that live entries refer to."""
        return {row[0] for row in self.rows("SELECT DISTINCT ref FROM images")}

    def fetch_images(self, entries: Sequence[Entry]) -> None:
        """Nothing: they are in the folder."""

    def fetch_all_images(self) -> None:
        """Nothing, either."""

    def missing_images(self) -> set[str]:
        """The images that live entries refer to and that are not in the folder."""
        root = self.path.parent / IMAGES
        return {ref for ref in self.images() if not (root / ref).is_file()}

    def has_field(self, name: str) -> bool:
        """Has any entry this key in its metadata?"""
        statement = "SELECT 1 FROM entries, json_each(metadata) WHERE key = ? LIMIT 1"
        return bool(self.rows(statement, (name,)))

    def unembedded(self) -> list[Unembedded]:
        """The entries that lack the vector of an image."""
        return [Unembedded(*row) for row in self.rows(_UNEMBEDDED)]

    def has_image_vectors(self) -> bool:
        """Has any entry the vector of an image?"""
        return bool(self.rows("SELECT 1 FROM image_vectors WHERE problem = '' LIMIT 1"))

    def image_vector_ids(self) -> set[str]:
        """The vector ids of the entries that were given the vector of an image."""
        rows = self.rows("SELECT vector_id FROM image_vectors WHERE problem = ''")
        return {row[0] for row in rows}

    # -- words

    def count(self, of: WordsOf) -> int:
        """How many entries, or captions, there are."""
        return int(self.rows(f"SELECT count(*) FROM {of}")[0][0])  # noqa: S608 - one of two names

    def word_counts(self, of: WordsOf, words: Sequence[str]) -> dict[str, int]:
        """How many have each of these words, without those that none has.

        FTS5 counts by reading all places of a word, which takes longest for frequent words.
        """
        found: dict[str, int] = {}
        for some, marks in _in_pieces(words):
            statement = f"SELECT term, doc FROM {_TABLES[of]}_terms WHERE term IN ({marks})"  # noqa: S608 - a name of ours, and marks
            found.update(self.rows(statement, some))
        return found

    def matching(self, of: WordsOf, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The numbers of the best `k` with any of these words, with BM25 scores, best first."""
        match = " OR ".join(f'"{word}"' for word in words)  # tokens hold letters and digits only
        table = _TABLES[of]
        rows = self.rows(
            f"SELECT rowid, -rank FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT ?",  # noqa: S608 - a name of ours
            (match, k),
        )
        return [(int(number), float(score)) for number, score in rows]

    # -- generated captions

    def captions(self, refs: Sequence[str] | None) -> list[tuple[str, str, str, str]]:
        """Reference, key, model and caption (JSON) of these images, or of all."""
        select = "SELECT ref, key, model, caption FROM captions"
        found: list[tuple[Any, ...]] = self.rows(select) if refs is None else []
        for some, marks in _in_pieces(refs or ()):
            found += self.rows(f"{select} WHERE ref IN ({marks})", some)
        return [(str(ref), str(key), str(model), line) for ref, key, model, line in found]

    def caption_vectors(self) -> list[tuple[int, bytes]]:
        """The number and vector of each caption."""
        rows = self.rows("SELECT number, vector FROM captions ORDER BY number")
        return [(int(number), vector) for number, vector in rows]

    def captioned_entries(self, number: int) -> list[int]:
        """The numbers of the entries with the image of this caption, in their order."""
        rows = self.rows(
            "SELECT images.entry FROM images JOIN captions ON images.ref = captions.ref "
            "WHERE captions.number = ? ORDER BY images.entry",
            (number,),
        )
        return [int(row[0]) for row in rows]

    def _matching(self, column: str, values: Sequence[Any]) -> Iterator[Entry]:
        for some, marks in _in_pieces(values):
            yield from self._entries(f"{_SELECT} WHERE {column} IN ({marks})", *some)

    def _entries(self, statement: str, *values: Any) -> list[Entry]:
        rows = self.rows(statement, values)
        refs = self._refs([row[0] for row in rows])
        return [
            Entry(
                number=number,
                id=id_,
                vector_id=vector_id,
                path=path,
                kind=kind,
                page=page,
                text=text,
                words=words,
                metadata=json.loads(metadata),
                images=tuple(refs.get(number, ())),
            )
            for number, id_, vector_id, path, kind, page, text, words, metadata in rows
        ]

    def _refs(self, numbers: Sequence[int]) -> dict[int, list[str]]:
        refs: dict[int, list[str]] = {}
        for some, marks in _in_pieces(numbers):
            for number, ref in self.rows(
                f"SELECT entry, ref FROM images WHERE entry IN ({marks}) ORDER BY entry, position",  # noqa: S608 - marks only
                some,
            ):
                refs.setdefault(number, []).append(ref)
        return refs


def _in_pieces(values: Sequence[Any]) -> Iterator[tuple[Sequence[Any], str]]:
    """The values in pieces that fit a SQL statement, with as many question marks."""
    for start in range(0, len(values), _MAX_VARIABLES):
        some = values[start : start + _MAX_VARIABLES]
        yield some, ", ".join("?" * len(some))
