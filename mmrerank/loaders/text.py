"""Text files: their paragraphs; and tables with separators (CSV, TSV)."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Unpack

from mmrerank.errors import DocumentError, ImageError, InvalidInputError, warn
from mmrerank.images.decode import read_file
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element

__all__ = [
    "MAX_BYTES",
    "CSVLoader",
    "TextLoader",
    "TextOptions",
    "decoded",
    "paragraphs",
    "read_document",
]

MAX_BYTES = 32 * 2**20
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_SAMPLE = 64 * 1024  # characters by which the separator is guessed
_SEPARATORS = ",;\t|"


class TextOptions(LoaderOptions, total=False):
    """Keywords of the loaders of text, CSV and TSV."""

    encoding: str | None
    """The file's encoding. Default: None, UTF-8 or what a byte order mark says, else Windows-1252."""


class TextLoader(ElementLoader):
    """Loads a text file, whose paragraphs are parted by blank lines.

    Keywords are those of `TextOptions`; an encoding that does not exist is an `InvalidInputError`.
    Raises as `ElementLoader`.
    """

    options: ClassVar[type] = TextOptions
    defaults: ClassVar[TextOptions] = {"encoding": None}

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[TextOptions],
    ) -> None:
        shared: LoaderOptions = options
        super().__init__(path, image_root=image_root, **shared)
        self._encoding = options.get("encoding")
        try:
            "".encode(self._encoding or "utf-8")
        except (LookupError, TypeError, ValueError):
            raise InvalidInputError(f"the encoding {self._encoding!r} is not known") from None

    def elements(self) -> Iterator[Element]:
        """The paragraphs."""
        yield from paragraphs(self._text())

    def _text(self) -> str:
        return decoded(str(self.origin), read_document(self.path, MAX_BYTES), self._encoding)


class CSVLoader(TextLoader):
    """Loads a table with separators (CSV, TSV); its first row is repeated in each chunk.

    The separator is a tab in TSV files; in others it is guessed among comma, semicolon, tab and
    bar. Keywords are those of `TextOptions`.
    """

    def elements(self) -> Iterator[Element]:
        """The table, in pieces that fit a chunk."""
        text = self._text()
        separator = "\t" if self.path.lower().endswith((".tsv", ".tab")) else _separator(text)
        yield from self.table_elements(list(csv.reader(io.StringIO(text), delimiter=separator)))


def _separator(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:_SAMPLE], _SEPARATORS).delimiter
    except csv.Error:  # a single column, or too few rows to tell
        line = text.partition("\n")[0]
        return max(_SEPARATORS, key=line.count)


def paragraphs(text: str) -> Iterator[Element]:
    """The paragraphs of plain text, which blank lines part."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        if paragraph.strip():
            yield Element(paragraph.strip("\n").rstrip())


def read_document(path: str, limit: int) -> bytes:
    """The bytes of a file; raises `DocumentError` if it cannot be read or has more than `limit`."""
    try:
        return read_file(Path(path), limit)
    except ImageError as error:
        raise DocumentError(path, error.reason) from None


def decoded(path: str, data: bytes, encoding: str | None = None) -> str:
    """The text of bytes, with plain line ends, for a document at `path`.

    Without an encoding: UTF-8, UTF-16 with a byte order mark, else Windows-1252 with a
    `RerankWarning`, since that is a guess. What cannot be decoded is replaced, with a warning.
    """
    marked = next((name for mark, name in _BOMS.items() if data.startswith(mark)), "utf-8")
    encoding = encoding or marked
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-8":
            encoding = "cp1252"
            warn(f"{path}: is not UTF-8, and is read as Windows-1252; `encoding` names another")
        text = data.decode(encoding, "replace")
        if "\ufffd" in text:
            warn(f"{path}: some of its characters are not {encoding}, and are replaced")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
