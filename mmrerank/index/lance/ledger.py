"""The ledger of an index at a URL: the rows of its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmrerank.index.lance.images import ImageCopies
from mmrerank.index.lance.rows import ENTRY, FILE, entry_of, file_of
from mmrerank.index.lance.storage import Place
from mmrerank.index.lance.table import Table, any_of, quoted
from mmrerank.index.ledger import Entry, FileRecord, Unembedded, WordsOf
from mmrerank.index.pictures import Picture

__all__ = ["LanceLedger"]

_ENTRIES = "kind <> 'file'"
_COUNTED = 20_000
"""Rows that have a word are counted up to here; beyond, half of all are taken to have it."""


class LanceLedger:
    """See `mmrerank.index.ledger.Ledger`. What it reads is of one version until `refresh`."""

    def __init__(self, place: Place, image_root: Path) -> None:
        self._place = place
        self.copies = ImageCopies(place, image_root)
        self.rows = Table(place, "entries", key="number", has_words=True)
        self.caption_rows = Table(place, "captions", key="ref", has_words=True)
        self.picture_rows = Table(place, "pictures", key="ref", has_words=False)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables."""
        return self.rows, self.caption_rows, self.picture_rows

    @property
    def place(self) -> str:
        """The URL."""
        return self._place.url

    def close(self) -> None:
        """Nothing: LanceDB keeps no files open."""

    def refresh(self) -> int:
        """See what others have written by now; the epoch."""
        return self.rows.refresh() + self.caption_rows.refresh()

    def epoch(self) -> int:
        """The sum of the versions of the tables that a search reads."""
        return self.rows.version() + self.caption_rows.version()

    def note(self, name: str) -> str | None:
        """A fact about the whole index."""
        with self._place.errors("read"):
            try:
                return bytes(self._place.objects.get(f"notes/{name}").bytes()).decode()
            except FileNotFoundError:
                return None

    def files(self) -> list[FileRecord]:
        """All files, ordered by path, as of now."""
        self.rows.refresh()
        found = [file_of(row) for row in self.rows.rows(FILE, "kind = 'file'")]
        return sorted(found, key=lambda file: file.path)

    def records(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """Those of these files that are in the index, by path, as of now."""
        self.rows.refresh()
        rows = [r for one in any_of("path", paths) for r in self._rows_of_files(one)]
        return {file.path: file for file in map(file_of, rows)}

    def _rows_of_files(self, condition: str) -> list[dict[str, Any]]:
        return self.rows.rows(FILE, f"kind = 'file' AND {condition}")

    def __len__(self) -> int:
        self.rows.refresh()
        return self.count("entries")

    # -- entries

    def vector_ids(self) -> set[str]:
        """All vector ids: the numbers of the entries."""
        return {str(row["number"]) for row in self.rows.rows(["number"], _ENTRIES)}

    def entries(self, path: str) -> list[Entry]:
        """The entries of a file, in their order."""
        return self._entries([f"path = {quoted(path)}"])

    def entries_of(self, paths: Sequence[str]) -> dict[str, list[Entry]]:
        """The entries of several files by path, in their order."""
        found: dict[str, list[Entry]] = {path: [] for path in paths}
        for entry in self._entries(any_of("path", paths)):
            found[entry.path].append(entry)
        return found

    def live(self, vector_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of those vector ids that are live."""
        return {e.vector_id: e for e in self.numbered([int(one) for one in vector_ids]).values()}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Entry]:
        """The entries with these numbers that are live."""
        return {entry.number: entry for entry in self._entries(any_of("number", numbers))}

    def numbers(self, vector_ids: Sequence[str], *, needs_text: bool = False) -> dict[str, int]:
        """The same numbers, or those of entries with text: a row that was found is live."""
        numbers = {one: int(one) for one in vector_ids}
        if not needs_text:
            return numbers
        texts = self.rows.rows_with(["number", "text"], "number", numbers.values())
        with_text = {row["number"] for row in texts if row["text"].strip()}
        return {one: number for one, number in numbers.items() if number in with_text}

    def words_of_pages(self, path: str, pages: Sequence[int]) -> dict[int, list[str]]:
        """The words of all entries of a file on these pages, in their order."""
        words: dict[int, list[str]] = {}
        for where in any_of("page", pages):
            of_file = f"path = {quoted(path)} AND {_ENTRIES} AND {where}"
            rows = self.rows.rows(["position", "page", "words"], of_file)
            for row in sorted(rows, key=lambda row: int(row["position"])):
                words.setdefault(row["page"], []).extend(row["words"].split())
        return words

    def has_field(self, name: str) -> bool:
        """Has any entry this key in its metadata?"""
        return any(
            name in json.loads(r["metadata"]) for r in self.rows.rows(["metadata"], _ENTRIES)
        )

    def _entries(self, conditions: Iterable[str]) -> list[Entry]:
        rows = [r for one in conditions for r in self.rows.rows(ENTRY, f"{one} AND {_ENTRIES}")]
        unique = {int(row["number"]): row for row in rows}
        ordered = sorted(unique.values(), key=lambda row: (row["path"], row["position"]))
        return [entry_of(row, self.place) for row in ordered]

    # -- images

    def images(self) -> set[str]:
        """All images that live entries refer to."""
        rows = self.rows.rows(["images"], _ENTRIES)
        return {ref for row in rows for ref in row["images"] or ()}

    def fetch_images(self, entries: Sequence[Entry]) -> None:
        """Make local copies of the images of entries, with what is known of them."""
        numbers = [entry.number for entry in entries if entry.images]
        self._fetch(self.rows.rows_with(["path", "images", "figures"], "number", numbers))

    def fetch_all_images(self) -> None:
        """As `fetch_images`, for all entries."""
        self._fetch(self.rows.rows(["path", "images", "figures"], _ENTRIES))

    def _fetch(self, rows: Sequence[dict[str, Any]]) -> None:
        wanted: dict[str, dict[str, Any]] = {}
        for row in rows:
            known = json.loads(row["figures"] or "{}")
            own = wanted.setdefault(row["path"], {})
            for ref in row["images"] or ():
                own[ref] = known.get(ref, {})
        self.copies.fetch(wanted)

    def missing_images(self) -> set[str]:
        """The images that live entries refer to and that are not at the URL."""
        used = self.images()
        return used - self.copies.stored().keys() if used else set()

    def pictures(self, refs: Sequence[str]) -> dict[str, Picture]:
        """What is known of images, to compare them."""
        columns = ["ref", "whole", "inner", "words"]
        rows = self.picture_rows.rows_with(columns, "ref", refs)
        return {row["ref"]: Picture(row["whole"], row["inner"], row["words"]) for row in rows}

    def figures_without_picture(self) -> list[Entry]:
        """Entries of figures whose images are not yet examined."""
        known = {row["ref"] for row in self.picture_rows.rows(["ref"])}
        figures = self.rows.rows(["number", "images"], "kind = 'figure'")
        new = [int(row["number"]) for row in figures if set(row["images"] or ()) - known]
        return list(self.numbered(new).values())

    def texts_of_images(self, refs: Sequence[str]) -> dict[str, str]:
        """Captions and words of figures, by image."""
        texts: dict[str, str] = {}
        for ref in refs:
            where = f"kind = 'figure' AND array_has(images, {quoted(ref)})"
            for row in self.rows.rows(["text", "metadata"], where):
                section = str(json.loads(row["metadata"]).get("section", ""))
                texts[ref] = str(row["text"]).removesuffix(section)
        return texts

    def unembedded(self) -> list[Unembedded]:
        """The entries that lack the vector of an image; see `mmrerank.index.image_vectors`."""
        columns = ["number", "path", "kind", "position", "images", "image_problem"]
        rows = [row for row in self.rows.rows(columns, _ENTRIES) if row["images"]]
        rows.sort(key=lambda row: (row["path"], row["kind"] != "figure", row["position"]))
        first: dict[tuple[str, str], dict[str, Any]] = {}
        for row in rows:
            first.setdefault((row["path"], row["images"][0]), row)
        return [
            Unembedded(str(row["number"]), path, ref)
            for (path, ref), row in first.items()
            if row["image_problem"] is None
        ]

    def has_image_vectors(self) -> bool:
        """Has any entry the vector of an image?"""
        return self.rows.count("image_problem = ''") > 0

    def image_vector_ids(self) -> set[str]:
        """The vector ids of the entries that were given the vector of an image."""
        return {str(row["number"]) for row in self.rows.rows(["number"], "image_problem = ''")}

    # -- words

    def count(self, of: WordsOf) -> int:
        """How many entries, or captions, there are."""
        return self.rows.count(_ENTRIES) if of == "entries" else self.caption_rows.count()

    def word_counts(self, of: WordsOf, words: Sequence[str]) -> dict[str, int]:
        """How many have each of these words; the most frequent are not counted to the end."""
        table = self._table(of)
        found = {word: table.count_matching(word, _COUNTED + 1) for word in words}
        half = self.count(of) // 2
        return {word: n if n <= _COUNTED else max(n, half) for word, n in found.items()}

    def matching(self, of: WordsOf, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The numbers of the best `k` with any of these words, with BM25 scores."""
        return self._table(of).matching(words, k)

    def _table(self, of: WordsOf) -> Table:
        return self.rows if of == "entries" else self.caption_rows

    # -- generated captions

    def captions(self, refs: Sequence[str] | None) -> list[tuple[str, str, str, str]]:
        """Reference, key, model and caption (JSON) of these images, or of all."""
        columns = ["ref", "key", "model", "caption"]
        table = self.caption_rows
        rows = table.rows(columns) if refs is None else table.rows_with(columns, "ref", refs)
        return [(row["ref"], row["key"], row["model"], row["caption"]) for row in rows]

    def caption_vectors(self) -> list[tuple[int, bytes]]:
        """The number and vector of each caption."""
        rows = self.caption_rows.rows(["number", "vector"])
        return sorted((int(row["number"]), row["vector"]) for row in rows)

    def captioned_entries(self, number: int) -> list[int]:
        """The numbers of the entries with the image of this caption, in their order."""
        found: list[int] = []
        for caption in self.caption_rows.rows(["ref"], f"number = {number}"):
            where = f"{_ENTRIES} AND array_has(images, {quoted(caption['ref'])})"
            rows = self.rows.rows(["number", "path", "position"], where)
            rows.sort(key=lambda row: (row["path"], row["position"]))
            found += [int(row["number"]) for row in rows]
        return found
