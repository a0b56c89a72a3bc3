"""The ledger: four steps, one writer, and readers that see only what is live."""

from __future__ import annotations

import sqlite3

import pytest

from mmrerank.errors import StoreError
from mmrerank.index.ledger import Entry, FileRecord
from mmrerank.index.schema import VERSION
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing

FILE = FileRecord("a.pdf", 10, 20, "options", "digest")


def entry(name: str, *, path: str = "a.pdf", **more) -> Entry:
    return Entry(id=name, vector_id=f"{name}.1", path=path, text=name, words=name, **more)


@pytest.fixture
def ledger(tmp_path):
    with_ledger = SQLiteLedger(tmp_path / "ledger.sqlite3")
    yield with_ledger
    with_ledger.close()


def test_what_is_intended_is_live_only_after_the_swap(ledger):
    with writing(ledger) as writer:
        writer.intend(["one.1", "two.1"])
        assert ledger.live(["one.1", "two.1"]) == {}
        assert writer.left_over() == ["one.1", "two.1"]
        writer.swap(FILE, [entry("one")])
        assert set(ledger.live(["one.1", "two.1"])) == {"one.1"}
        assert writer.left_over() == ["two.1"]


def test_what_a_swap_replaces_is_garbage_until_it_is_forgotten(ledger):
    with writing(ledger) as writer:
        writer.swap(FILE, [entry("one"), entry("two")])
        writer.swap(FILE, [entry("three")])
        assert writer.left_over() == ["one.1", "two.1"]
        writer.forget(["one.1", "two.1"])
        assert writer.left_over() == []
    assert ledger.vector_ids() == {"three.1"}


def test_an_entry_comes_back_as_it_was_written(ledger):
    written = entry("one", kind="figure", page=3, metadata={"k": [1]}, images=("b.png", "a.png"))
    with writing(ledger) as writer:
        writer.swap(FILE, [written])
    (read,) = ledger.entries("a.pdf")
    assert read.number
    assert read == Entry(**{**{f: getattr(written, f) for f in Entry.__slots__}, "number": read.number})  # fmt: skip
    assert ledger.images() == {"a.png", "b.png"}


def test_each_change_grows_the_epoch_and_another_connection_sees_it(ledger):
    other = SQLiteLedger(ledger.path)
    before = other.epoch()
    with writing(ledger) as writer:
        writer.swap(FILE, [entry("one")])
        after_swap = other.epoch()
        writer.remove("a.pdf")
    assert before < after_swap < other.epoch()
    assert len(other) == 0
    other.close()


def test_a_second_writer_waits_says_so_and_gives_up(ledger):
    other, waits = SQLiteLedger(ledger.path), []
    with (
        writing(ledger),
        pytest.raises(StoreError, match="another process is writing"),
        writing(other, timeout=0.3, on_wait=lambda: waits.append(1)),
    ):
        pass
    assert waits == [1]
    with writing(other, timeout=0.0):
        pass  # the first one has ended
    other.close()


def test_a_failed_transaction_changes_nothing(ledger):
    with writing(ledger) as writer:
        writer.swap(FILE, [entry("one")])
        with pytest.raises(StoreError):  # the same vector id twice
            writer.swap(FILE, [entry("two"), entry("two")])
    assert ledger.vector_ids() == {"one.1"}


def test_a_newer_schema_and_a_damaged_file_are_refused(tmp_path):
    path = tmp_path / "newer.sqlite3"
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StoreError, match="newer version"):
        SQLiteLedger(path)
    (tmp_path / "damaged.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteLedger(tmp_path / "damaged.sqlite3")
