"""A ledger of an older version becomes today's: whole, or not at all."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys

import pytest
from helpers import DATA

from mmrerank.errors import StoreError
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.lexical import LexicalRoute
from mmrerank.index.schema import VERSION
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing

OLD = (DATA / "index/ledger-1.sql").read_text()

KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
connect, step = sqlite3.connect, sys.argv[2]
def traced(*args, **options):
    database = connect(*args, **options)
    def trace(statement):
        if step in statement:
            os.kill(os.getpid(), signal.SIGKILL)
    database.set_trace_callback(trace)
    return database
sqlite3.connect = traced
from mmrerank.index.sqlite_ledger import SQLiteLedger
SQLiteLedger(Path(sys.argv[1]))
"""


@pytest.fixture
def old(tmp_path):
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.executescript(OLD)
    database.close()
    return tmp_path / "ledger.sqlite3"


def entries():
    return [
        Entry(id="a0", vector_id="a0.1", path="/docs/a.pdf", page=1, metadata={"page": 1},
              text="The turbine of the turbine hall", words="turbine turbine hall", images=("load.png",)),
        Entry(id="a1", vector_id="a1.1", path="/docs/a.pdf", page=2, metadata={"page": 2},
              kind="figure", text="Figure 1: Load", words="figure 1 load", images=("load.png",)),
        Entry(id="b0", vector_id="b0.1", path="/docs/b.pdf", page=1,
              text="A hall without a turbine", words="hall without turbine"),
    ]  # fmt: skip


@pytest.fixture
def fresh(tmp_path):
    """A new ledger with the same content."""
    ledger = SQLiteLedger(tmp_path / "fresh.sqlite3")
    with writing(ledger) as writer:
        writer.set_note("embedder", "HashingEmbedder, 1024 dimensions")
        writer.swap(FileRecord("/docs/a.pdf", 10, 20, "options", "digest a"), entries()[:2])
        writer.swap(FileRecord("/docs/b.pdf", 11, 21, "options", "digest b"), entries()[2:])
    yield ledger
    ledger.close()


def tables(ledger):
    """The definitions of all tables, without layout."""
    rows = ledger.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    return [(name, " ".join(sql.split())) for name, sql in rows]


def contents(ledger):
    """All that a ledger says, but for the numbers of entries."""
    found = LexicalRoute(ledger).search("turbine hall", 9)
    ids = {entry.number: entry.id for f in ledger.files() for entry in ledger.entries(f.path)}
    return {
        "tables": tables(ledger),
        "files": ledger.files(),
        "embedder": ledger.note("embedder"),
        "entries": [
            (e.id, e.vector_id, e.path, e.kind, e.page, e.text, e.words, e.metadata, e.images)
            for f in ledger.files()
            for e in ledger.entries(f.path)
        ],
        "found": [(ids[number], round(score, 9)) for number, score in found],
        "counts": dict(LexicalRoute(ledger).statistics(["turbine", "hall", "load"]).frequency),
        "pictures": ledger.rows("SELECT * FROM pictures"),
        "unseen": [entry.id for entry in ledger.figures_without_picture()],
    }


def test_an_old_ledger_becomes_what_a_new_one_would_be(old, fresh):
    ledger = SQLiteLedger(old)
    assert contents(ledger) == contents(fresh)
    assert ledger.rows("PRAGMA user_version") == [(VERSION,)]
    assert ledger.rows("PRAGMA integrity_check") == [("ok",)]
    with writing(ledger) as writer:
        assert sorted(writer.left_over()) == ["a0.0", "c0.1"]
        with ledger.transaction() as database:
            database.execute("INSERT INTO lexical (lexical) VALUES ('integrity-check')")
        writer.remove("/docs/a.pdf")
        assert [e.id for e in ledger.entries("/docs/b.pdf")] == ["b0"]
    assert LexicalRoute(ledger).search("load", 9) == []
    ledger.close()


@pytest.mark.parametrize("step", ["CREATE TABLE pictures", "DROP TABLE lexical;", "'rebuild'", "CREATE TABLE image_vectors", "PRAGMA user_version =", "COMMIT"])  # fmt: skip
def test_killed_in_the_middle_it_is_as_before_and_then_new(old, fresh, step):
    process = subprocess.run([sys.executable, "-c", KILLED, str(old), step], check=False)
    assert process.returncode == -signal.SIGKILL
    database = sqlite3.connect(old)
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    assert database.execute("SELECT rowid FROM lexical ('turbine')").fetchall() == [(1,), (4,)]
    database.close()
    ledger = SQLiteLedger(old)
    assert contents(ledger) == contents(fresh)
    ledger.close()


def test_two_processes_that_open_it_at_once(old, fresh):
    code = "import sys; from pathlib import Path; from mmrerank.index.sqlite_ledger import SQLiteLedger; SQLiteLedger(Path(sys.argv[1]))"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(old)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    ledger = SQLiteLedger(old)
    assert contents(ledger) == contents(fresh)
    ledger.close()


def test_a_newer_version_is_refused_and_left_alone(old):
    database = sqlite3.connect(old)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = old.read_bytes()
    with pytest.raises(StoreError, match=f"newer version of mmrerank .its schema is {VERSION + 1}"):
        SQLiteLedger(old)
    assert old.read_bytes() == before
