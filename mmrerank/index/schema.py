"""The tables of the ledger, and how older ones become today's."""

from __future__ import annotations

import sqlite3

__all__ = ["VERSION", "migrate"]

VERSION = 4
"""Raised with every change of the tables; `PRAGMA user_version` of the file."""

_TABLES = """
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE files (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,      -- bytes
    modified INTEGER NOT NULL,  -- nanoseconds
    options TEXT NOT NULL,      -- hash of the loader's options
    digest TEXT NOT NULL        -- SHA-256 of the content
) WITHOUT ROWID;

CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    vector_id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL REFERENCES files (path) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    page INTEGER NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,        -- tokens, separated by spaces
    metadata TEXT NOT NULL      -- JSON
);
CREATE INDEX entries_by_path ON entries (path);

CREATE TABLE images (
    entry INTEGER NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    ref TEXT NOT NULL,
    PRIMARY KEY (entry, position)
) WITHOUT ROWID;
CREATE INDEX images_by_ref ON images (ref);

CREATE TABLE intents (vector_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE garbage (vector_id TEXT PRIMARY KEY) WITHOUT ROWID;

-- Tokens are cut before they get here, so that the tokenizer only splits at spaces.
CREATE VIRTUAL TABLE lexical USING fts5 (
    words, content = 'entries', content_rowid = 'number', tokenize = 'ascii', detail = none
);
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab (lexical, row);

CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    INSERT INTO lexical (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    INSERT INTO lexical (lexical, rowid, words) VALUES ('delete', old.number, old.words);
END;
"""

_PICTURES_AND_COUNTS = """
-- What is known of an image, to find its copies in other documents.
CREATE TABLE pictures (
    ref TEXT PRIMARY KEY,
    whole BLOB NOT NULL,  -- see mmrerank.index.pictures; empty for an image that is like no other
    inner BLOB NOT NULL,
    words TEXT NOT NULL
) WITHOUT ROWID;

-- With positions (detail = full) FTS5 knows how often a word occurs in an entry; without them it
-- read the words of every match to count them, which took five times as long.
DROP TABLE lexical_terms;
DROP TABLE lexical;
CREATE VIRTUAL TABLE lexical USING fts5 (
    words, content = 'entries', content_rowid = 'number', tokenize = 'ascii'
);
INSERT INTO lexical (lexical) VALUES ('rebuild');
CREATE VIRTUAL TABLE lexical_terms USING fts5vocab (lexical, row);
"""

_CAPTIONS = """
CREATE TABLE captions (
    number INTEGER PRIMARY KEY,
    ref TEXT NOT NULL UNIQUE,   -- the image
    key TEXT NOT NULL,          -- hash of all that the caption depends on
    model TEXT NOT NULL,        -- who says so
    caption TEXT NOT NULL,      -- JSON
    words TEXT NOT NULL,        -- tokens, separated by spaces
    vector BLOB NOT NULL        -- 32-bit floats, little-endian
);
CREATE VIRTUAL TABLE caption_words USING fts5 (
    words, content = 'captions', content_rowid = 'number', tokenize = 'ascii'
);
CREATE VIRTUAL TABLE caption_words_terms USING fts5vocab (caption_words, row);

CREATE TRIGGER caption_added AFTER INSERT ON captions BEGIN
    INSERT INTO caption_words (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER caption_removed AFTER DELETE ON captions BEGIN
    INSERT INTO caption_words (caption_words, rowid, words)
        VALUES ('delete', old.number, old.words);
END;
"""

_IMAGE_VECTORS = """
-- Entries whose image was embedded: it has a vector in the vector store, or cannot have one.
CREATE TABLE image_vectors (
    vector_id TEXT PRIMARY KEY REFERENCES entries (vector_id) ON DELETE CASCADE,
    problem TEXT NOT NULL  -- why there is no vector; empty where there is one
) WITHOUT ROWID;
"""

_STEPS = (_TABLES, _PICTURES_AND_COUNTS, _CAPTIONS, _IMAGE_VECTORS)
"""`_STEPS[n]` turns the tables of version n into those of version n + 1."""


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Bring the tables from `version` (0: an empty file) to `VERSION`, all at once or not at all.

    Raises `sqlite3.Error`.
    """
    script = "".join(_STEPS[version:])
    try:
        database.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {VERSION}; COMMIT;"
        )
    except sqlite3.Error:
        if database.in_transaction:
            database.rollback()
        (now,) = database.execute("PRAGMA user_version").fetchone()
        if now != VERSION:  # otherwise another process was first
            raise
