"""The queries and documents of an mteb task as `Content`.

Texts are put together as mteb puts them together for its own models; images stay the bytes of
their files, so that equal pages are recognised and nothing is decoded before a model needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from mmrerank.errors import InvalidInputError
from mmrerank.optional import require
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Rows", "document_text", "query_text"]

Row = Mapping[str, Any]

_COLUMNS = ("id", "title", "text", "image", "instruction")


class Rows:
    """The rows of one dataset by their id. Each is read when it is asked for, and not kept.

    `kind` is what messages call a row. `text` makes a row's text (`query_text`, `document_text`),
    and `modalities` says which of "text" and "image" are read.
    """

    def __init__(
        self, dataset: Dataset, kind: str, text: Callable[[Row], str], modalities: Collection[str]
    ) -> None:
        self._kind, self._text, self._modalities = kind, text, modalities
        self._dataset = _undecoded(dataset)
        self.places: dict[str, int] = {name: i for i, name in enumerate(dataset["id"])}

    def __getitem__(self, name: str) -> Content:
        """The row with this id.

        Raises `InvalidInputError` for an unknown id, and for a row that has nothing to read.
        """
        if name not in self.places:
            raise InvalidInputError(f"the task has no {self._kind} {name!r}")
        row = self._dataset[self.places[name]]
        has_text = "text" in self._modalities and row.get("text") is not None
        image = _image(row["image"]) if "image" in self._modalities and "image" in row else None
        if image is None and not has_text:
            raise InvalidInputError(
                f"the {self._kind} {name!r} has nothing that the reranker reads "
                f"({' or '.join(sorted(self._modalities)) or 'neither text nor images'})"
            )
        return Content(self._text(row) if has_text else None, [image] if image else [])


def document_text(row: Row) -> str:
    """Title and text of a document."""
    title = row.get("title") or ""
    return f"{title} {row['text']}".strip() if title else str(row["text"]).strip()


def query_text(row: Row) -> str:
    """The text of a query, followed by its own instruction if it has one.

    A conversation becomes one line, with the instruction in front.
    """
    text, instruction = row["text"], row.get("instruction")
    if isinstance(text, str):
        return text if instruction is None else f"{text} {instruction}"
    turns = (
        turn if isinstance(turn, str) else f"{turn['role']}: {turn['content']}" for turn in text
    )
    conversation = "; ".join(turns)
    return conversation if instruction is None else f"{instruction} {conversation}"


def _undecoded(dataset: Dataset) -> Dataset:
    """The columns that are read, with images as the bytes of their files."""
    kind = require("datasets").Image
    dataset = dataset.select_columns([name for name in _COLUMNS if name in dataset.column_names])
    if isinstance(dataset.features.get("image"), kind):
        dataset = dataset.cast_column("image", kind(decode=False))
    return dataset


def _image(value: Any) -> Image | None:
    """An image column's value: bytes, or else a path. Raises `InvalidInputError` for others."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not (value.get("bytes") or value.get("path")):
        raise InvalidInputError(
            f"an image column must hold image files (datasets.Image), not {type(value).__name__}"
        )
    return (
        Image.from_bytes(value["bytes"]) if value.get("bytes") else Image.from_path(value["path"])
    )
