"""The words of entries and captions at a URL, cut again if another version has cut them."""

from __future__ import annotations

from collections.abc import Callable

from mmrerank.captioning.caption import Caption
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.table import Table
from mmrerank.ocr.bm25 import tokenize
from mmrerank.optional import require

__all__ = ["cut_words_again"]

_ROWS = 10_000  # whose words are cut at once


def cut_words_again(ledger: LanceLedger) -> None:
    """Cut the words of all entries and captions from their texts. Raises `StoreError`."""
    _cut(ledger.rows, "number", "text", str)
    _cut(ledger.caption_rows, "ref", "caption", lambda line: Caption.from_json(line).text)


def _cut(table: Table, key: str, column: str, text_of: Callable[[str], str]) -> None:
    rows = [row for row in table.rows([key, column]) if row[column] is not None]
    if not rows:
        return
    fields = table.opened().schema
    pyarrow = require("pyarrow")
    schema = pyarrow.schema([fields.field(key), fields.field("words")])
    for start in range(0, len(rows), _ROWS):
        some = [
            {key: row[key], "words": " ".join(tokenize(text_of(row[column])))}
            for row in rows[start : start + _ROWS]
        ]
        table.merge(pyarrow.Table.from_pylist(some, schema=schema), inserts=False)
