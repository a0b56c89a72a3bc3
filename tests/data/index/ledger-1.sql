-- A ledger as version 1 of its tables had it, with two files. Never to be changed.
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

-- Tokens are cut before they get here, so that the tokenizer only splits at spaces. Without
-- positions (detail = none) the index is a third of the size; no route asks for phrases.
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

INSERT INTO notes VALUES ('embedder', 'HashingEmbedder, 1024 dimensions'), ('epoch', '3');
INSERT INTO files VALUES
    ('/docs/a.pdf', 10, 20, 'options', 'digest a'),
    ('/docs/b.pdf', 11, 21, 'options', 'digest b');
INSERT INTO entries (number, id, vector_id, path, kind, page, text, words, metadata) VALUES
    (1, 'a0', 'a0.1', '/docs/a.pdf', 'text', 1, 'The turbine of the turbine hall', 'turbine turbine hall', '{"page": 1}'),
    (2, 'a1', 'a1.1', '/docs/a.pdf', 'figure', 2, 'Figure 1: Load', 'figure 1 load', '{"page": 2}'),
    (4, 'b0', 'b0.1', '/docs/b.pdf', 'text', 1, 'A hall without a turbine', 'hall without turbine', '{}');
INSERT INTO images VALUES (1, 0, 'load.png'), (2, 0, 'load.png');
INSERT INTO intents VALUES ('c0.1');
INSERT INTO garbage VALUES ('a0.0');
PRAGMA user_version = 1;
