"""The rows of an index at a URL: their columns, and how files and entries become rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmrerank.errors import StoreError
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.optional import require
from mmrerank.retrieval.vector_store import TEXT, Vector

__all__ = [
    "ENTRY",
    "FILE",
    "caption_schema",
    "entry_of",
    "entry_rows",
    "entry_schema",
    "file_of",
    "number_of",
    "picture_schema",
    "vector_column",
    "vector_type",
]

FILE = ("path", "size", "modified", "options", "digest")
"""The columns of a file's own row, whose kind is "file"."""

ENTRY = (
    "number", "id", "path", "kind", "position", "page", "text", "words", "metadata", "images",
    "figures",
)  # fmt: skip
"""The columns of an entry, without its vectors."""


def vector_column(name: str) -> str:
    """The column of the vectors of a name."""
    return f"vector_{name}"


def vector_type(length: int) -> Any:
    """The type of a column of vectors."""
    pyarrow = require("pyarrow")
    return pyarrow.list_(pyarrow.float32(), length)


def entry_schema(length: int) -> Any:
    """The columns of the table of entries, whose text vectors have this length."""
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
            pyarrow.field(vector_column(TEXT), vector_type(length)),
        ]
    )


def caption_schema() -> Any:
    """The columns of the table of generated captions."""
    pyarrow = require("pyarrow")
    texts = ("key", "model", "caption", "words")
    return pyarrow.schema(
        [
            _key("ref", pyarrow.string()),
            pyarrow.field("number", pyarrow.int64()),
            *(pyarrow.field(name, pyarrow.string()) for name in texts),
            pyarrow.field("vector", pyarrow.binary()),
        ]
    )


def picture_schema() -> Any:
    """The columns of the table of pictures."""
    pyarrow = require("pyarrow")
    return pyarrow.schema(
        [
            _key("ref", pyarrow.string()),
            pyarrow.field("whole", pyarrow.binary()),
            pyarrow.field("inner", pyarrow.binary()),
            pyarrow.field("words", pyarrow.string()),
        ]
    )


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
