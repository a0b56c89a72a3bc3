"""The rows of an index at a URL: their columns, and how files and entries become rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.pictures import Picture
from mmrerank.index.writer import CaptionRow
from mmrerank.optional import require
from mmrerank.retrieval.vector_store import Vector

__all__ = [
    "ENTRY",
    "FILE",
    "aligned",
    "caption_table",
    "entry_of",
    "entry_rows",
    "entry_schema",
    "entry_table",
    "file_of",
    "number_of",
    "picture_table",
    "vector_column",
    "vector_lengths",
    "vector_type",
]

FILE = ("path", "size", "modified", "options", "digest")
"""The columns of a file's own row, whose kind is "file"."""

ENTRY = (
    "number", "id", "path", "kind", "position", "page", "text", "words", "metadata", "images",
)  # fmt: skip
"""The columns that make an entry; its vectors and what is known of its images are others."""

_VECTOR = "vector_"  # with which the names of their columns begin


def vector_column(name: str) -> str:
    """The column of the vectors of a name."""
    return f"{_VECTOR}{name}"


def vector_type(length: int) -> Any:
    """The type of a column of vectors."""
    pyarrow = require("pyarrow")
    return pyarrow.list_(pyarrow.float32(), length)


def entry_schema(lengths: Mapping[str, int]) -> Any:
    """The columns of the table of entries, with vectors of these names and lengths."""
    pyarrow = require("pyarrow")
    texts = ("id", "path", "kind", "text", "words", "metadata", "figures", "options", "digest")
    return pyarrow.schema(
        [
            _key("number", pyarrow.int64()),
            *(pyarrow.field(name, pyarrow.string()) for name in texts),
            pyarrow.field("position", pyarrow.int32()),
            pyarrow.field("page", pyarrow.int32()),
            pyarrow.field("images", pyarrow.list_(pyarrow.string())),
            pyarrow.field(
                "image_problem", pyarrow.string()
            ),  # null: not embedded yet; "": embedded
            pyarrow.field("size", pyarrow.int64()),
            pyarrow.field("modified", pyarrow.int64()),
            *(
                pyarrow.field(vector_column(name), vector_type(length))
                for name, length in lengths.items()
            ),
        ]
    )


def caption_table(rows: Sequence[CaptionRow]) -> Any:
    """Generated captions as an Arrow table."""
    pyarrow = require("pyarrow")
    texts = ("key", "model", "caption", "words")
    schema = pyarrow.schema(
        [
            _key("ref", pyarrow.string()),
            pyarrow.field("number", pyarrow.int64()),
            *(pyarrow.field(name, pyarrow.string()) for name in texts),
            pyarrow.field("vector", pyarrow.binary()),
        ]
    )
    names = ("ref", "key", "model", "caption", "words", "vector")
    made = [
        {**dict(zip(names, row, strict=True)), "number": number_of("caption", *row[:2])}
        for row in rows
    ]
    return pyarrow.Table.from_pylist(made, schema=schema)


def picture_table(pictures: Mapping[str, Picture]) -> Any:
    """What images show, by reference, as an Arrow table."""
    pyarrow = require("pyarrow")
    schema = pyarrow.schema(
        [
            _key("ref", pyarrow.string()),
            pyarrow.field("whole", pyarrow.binary()),
            pyarrow.field("inner", pyarrow.binary()),
            pyarrow.field("words", pyarrow.string()),
        ]
    )
    made = [
        {"ref": ref, "whole": one.whole, "inner": one.inner, "words": one.words}
        for ref, one in pictures.items()
    ]
    return pyarrow.Table.from_pylist(made, schema=schema)


def _key(name: str, of_type: Any) -> Any:
    metadata = {"lance-schema:unenforced-primary-key": "true"}
    return require("pyarrow").field(name, of_type, nullable=False, metadata=metadata)


def number_of(*parts: object) -> int:
    """A number of 63 bits: the same on all machines, so that a row that is written twice is one."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def entry_rows(
    file: FileRecord,
    entries: Sequence[Entry],
    vectors: Mapping[str, Mapping[str, Vector]],
    facts: Mapping[str, Mapping[str, Any]],
    problems: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The rows of a file: its own, and one for each entry.

    `vectors` are those of each vector id by name, `facts` what is known of each image,
    and `problems` why an image has no vector ("": it has one).
    """
    own = {name: getattr(file, name) for name in FILE}
    rows: list[dict[str, Any]] = [{"number": number_of("file", file.path), "kind": "file", **own}]
    for position, entry in enumerate(entries):
        of_entry = vectors.get(entry.vector_id, {})
        rows.append(
            {
                "number": number_of("entry", file.path, file.digest, file.options, position),
                "id": entry.id,
                "path": file.path,
                "kind": entry.kind,
                "position": position,
                "page": entry.page,
                "text": entry.text,
                "words": entry.words,
                "metadata": json.dumps(entry.metadata, ensure_ascii=False),
                "images": list(entry.images),
                "figures": json.dumps({ref: facts[ref] for ref in entry.images if ref in facts}),
                "image_problem": problems.get(entry.vector_id),
                **{vector_column(name): list(one) for name, one in of_entry.items()},
            }
        )
    return rows


def entry_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows of files as an Arrow table, with the columns of those vectors that they have."""
    lengths = {
        name.removeprefix(_VECTOR): len(vector)
        for row in rows
        for name, vector in row.items()
        if name.startswith(_VECTOR)
    }
    return require("pyarrow").Table.from_pylist(list(rows), schema=entry_schema(lengths))


def vector_lengths(schema: Any) -> dict[str, int]:
    """The names of the vectors of a table, and the length of each."""
    return {
        field.name.removeprefix(_VECTOR): field.type.list_size
        for field in schema
        if field.name.startswith(_VECTOR)
    }


def aligned(table: Any, schema: Any) -> Any:
    """An Arrow table with the columns of a schema; those that it lacks are null."""
    pyarrow = require("pyarrow")
    columns = [
        table[field.name] if field.name in table.schema.names
        else pyarrow.nulls(len(table), field.type)
        for field in schema
    ]  # fmt: skip
    return pyarrow.Table.from_arrays(columns, schema=schema)


def file_of(row: Mapping[str, Any]) -> FileRecord:
    """The file of a row."""
    return FileRecord(*(row[name] for name in FILE))


def entry_of(row: Mapping[str, Any], place: str) -> Entry:
    """The entry of a row. Raises `StoreError` for one that is damaged."""
    try:
        return Entry(
            number=int(row["number"]),
            id=str(row["id"]),
            vector_id=str(row["number"]),
            path=str(row["path"]),
            kind=str(row["kind"]),
            page=int(row["page"]),
            text=str(row["text"]),
            words=str(row["words"]),
            metadata=dict(json.loads(row["metadata"])),
            images=tuple(row["images"] or ()),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"an entry of {row.get('path')} in the index at {place} is damaged ({error}); mend it "
            f"with: mmrerank check --mend --store {place}, and index the file again"
        ) from error
