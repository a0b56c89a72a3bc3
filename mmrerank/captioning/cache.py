"""Answers that were paid for, kept in an SQLite file: nothing is asked twice that was answered."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmrerank.captioning.caption import Caption
from mmrerank.errors import StoreError

__all__ = ["CaptionCache", "caption_key"]

_KEYS_PER_QUERY = 500  # SQLite allows a few thousand parameters a statement, older ones 999


def caption_key(digest: str, model: str, prompt: str, max_pixels: int) -> str:
    """The key of a caption: all that the answer depends on. `digest` is of the image file."""
    facts = json.dumps([1, digest, model, prompt, max_pixels])
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()


class CaptionCache:
    """Captions by `caption_key`, and the reasons why a model gave none.

    An answer survives the end of the process once `put` has returned. Several threads and
    processes may use the file. Raises `StoreError` if it cannot be read or written: answers cost
    money, so none is asked for that could not be kept.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=30.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            # Survives a killed process; a power cut may cost the last answers.
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS captions "
                "(key TEXT PRIMARY KEY, caption TEXT, reason TEXT NOT NULL) WITHOUT ROWID"
            )
            self._database.commit()

    def get(self, keys: list[str]) -> dict[str, Caption | str]:
        """The captions of those keys that are known, or the reason why there is none.

        What another program wrote in place of a caption counts as unknown.
        """
        known: dict[str, Caption | str] = {}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            some = keys[start : start + _KEYS_PER_QUERY]
            marks = ", ".join("?" * len(some))
            statement = f"SELECT key, caption, reason FROM captions WHERE key IN ({marks})"  # noqa: S608 - marks only
            with self._errors(), self._lock:
                rows = self._database.execute(statement, some).fetchall()
            for key, caption, reason in rows:
                try:
                    known[key] = str(reason) if caption is None else Caption.from_json(caption)
                except (ValueError, KeyError, TypeError):
                    continue
        return known

    def put(self, key: str, answer: Caption | str) -> None:
        """Keep a caption, or the reason why the model gave none."""
        row = (key, answer.to_json(), "") if isinstance(answer, Caption) else (key, None, answer)
        with self._errors(), self._lock, self._database:
            self._database.execute("INSERT OR REPLACE INTO captions VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"captions cannot be kept in {self.path}: {error}") from error
