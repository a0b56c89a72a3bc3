"""The words of entries, as the tokenizer cuts them; cut again if another version has cut them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from mmrerank.captioning.caption import Caption
from mmrerank.errors import StoreError, warn
from mmrerank.index.ledger import Ledger
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing
from mmrerank.index.writer import Writer
from mmrerank.ocr.bm25 import TOKENIZER, tokenize

__all__ = ["TOKENIZER_NOTE", "name_tokenizer", "renew_words"]

TOKENIZER_NOTE = "tokenizer"
"""The note of the ledger that names the tokenizer which cut the words of its entries."""

_ROWS = 1000  # entries whose words are cut at once


def name_tokenizer(ledger: Ledger, writer: Writer) -> None:
    """Record the tokenizer in a ledger that has no entries yet."""
    if not len(ledger) and ledger.note(TOKENIZER_NOTE) != TOKENIZER:
        writer.set_note(TOKENIZER_NOTE, TOKENIZER)


def renew_words(
    ledger: SQLiteLedger, *, timeout: float = 60.0, on_wait: Callable[[], object] | None = None
) -> None:
    """Cut the words of all entries from their texts, if another tokenizer has cut them.

    `timeout` and `on_wait` as for `writing`. Where the ledger cannot be written, a `RerankWarning`
    says that searches find less.
    """
    if ledger.note(TOKENIZER_NOTE) == TOKENIZER or not len(ledger):
        return
    try:
        with writing(ledger, timeout=timeout, on_wait=on_wait):
            if ledger.note(TOKENIZER_NOTE) != TOKENIZER:  # another process may have been first
                _cut_again(ledger)
    except StoreError as error:
        warn(
            f"another version of mmrerank cut the words in {ledger.path.parent}, and they cannot be "
            f"cut again, so that searches by words find less: {error}"
        )


def _cut_again(ledger: SQLiteLedger) -> None:
    with ledger.transaction() as database:
        _cut_table(database, "entries", "text", lambda text: text)
        _cut_table(database, "captions", "caption", lambda line: Caption.from_json(line).text)
        for words in ("lexical", "caption_words"):
            database.execute(f"INSERT INTO {words} ({words}) VALUES ('rebuild')")  # noqa: S608 - a name of ours
        database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (TOKENIZER_NOTE, TOKENIZER))


def _cut_table(
    database: sqlite3.Connection, table: str, column: str, text_of: Callable[[str], str]
) -> None:
    """Cut the words of a table from the text that is in `column`."""
    last = -1
    while rows := database.execute(
        f"SELECT number, {column} FROM {table} WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608 - names of ours
        (last, _ROWS),
    ).fetchall():
        database.executemany(
            f"UPDATE {table} SET words = ? WHERE number = ?",  # noqa: S608 - a name of ours
            [(" ".join(tokenize(text_of(value))), number) for number, value in rows],
        )
        last = rows[-1][0]
