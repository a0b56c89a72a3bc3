"""Watching: an index follows its files, whatever happens to them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from mmrerank import MissingDependencyError
from mmrerank.index.index import Index
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing

pytest.importorskip("watchfiles")

PATIENCE = 20.0  # seconds until a test gives up on a change that should have been seen


class Watched:
    """What a watch has reported so far."""

    def __init__(self):
        self.changes, self.errors, self.rounds = [], [], 0

    def take(self, report):
        self.rounds += 1
        for verb in ("added", "changed", "removed"):
            self.changes += [(verb, os.path.basename(path)) for path in getattr(report, verb)]  # noqa: PTH119
        self.changes += [("failed", os.path.basename(path)) for path, _ in report.failed]  # noqa: PTH119

    def wait(self, *changes):
        until(lambda: set(changes) <= set(self.changes))


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it was not seen"
        time.sleep(0.02)


@contextmanager
def watching(index, *paths):
    """A watch in a thread, until the end of the block; it must end when it is told to."""
    watched, stop = Watched(), threading.Event()

    def run():
        for report in index.watch(paths, on_error=watched.errors.append, stop=stop):
            watched.take(report)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: watched.rounds)
        yield watched
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("The harbour.")
    return folder


@pytest.fixture
def index(docs):
    """An index within the folder that is watched: its own files must not count as changes."""
    with Index(docs / "store", ocr=False, lock_timeout=0.3) as index:
        yield index


def test_files_that_come_change_and_go_are_followed(index, docs):
    with watching(index, docs) as watched:
        watched.wait(("added", "a.md"))
        (docs / "new").mkdir()
        (docs / "new/b.md").write_text("The castle.")
        watched.wait(("added", "b.md"))
        (docs / "a.md").write_text("The lighthouse.")
        watched.wait(("changed", "a.md"))
        (docs / "new").rename(docs / "newer")
        watched.wait(("removed", "b.md"))
        rounds = watched.rounds
        time.sleep(1.5)
        assert watched.rounds == rounds  # writing the index is no change
    assert [hit.text for hit in index.search("lighthouse castle", routes=["words"])] == [
        "The lighthouse.",
        "The castle.",
    ]
    assert watched.errors == []


@pytest.mark.slow
def test_a_folder_that_goes_keeps_its_entries_and_may_come_back(tmp_path, docs):
    other = tmp_path / "other"
    other.mkdir()
    with (
        Index(tmp_path / "store", ocr=False) as index,
        watching(index, docs, other) as watched,
    ):
        shutil.rmtree(docs)
        until(lambda: watched.errors)
        assert "docs: does not exist" in str(watched.errors[0])
        assert len(index) == 1
        (other / "c.md").write_text("The castle.")
        watched.wait(("added", "c.md"))
        docs.mkdir()
        (docs / "b.md").write_text("The lighthouse.")
        watched.wait(("added", "b.md"), ("removed", "a.md"))
        assert len(watched.errors) == 1


@pytest.mark.slow
def test_a_named_file_that_an_editor_replaces_is_followed(index, docs):
    with watching(index, docs / "a.md") as watched:
        (docs / "a.md~").write_text("The castle.")
        (docs / "a.md~").replace(docs / "a.md")
        watched.wait(("changed", "a.md"))


@pytest.mark.slow
def test_a_file_that_cannot_be_read_costs_no_other(index, docs):
    with watching(index, docs) as watched:
        (docs / "bad.pdf").write_bytes(b"no PDF")
        (docs / "b.md").write_text("The castle.")
        watched.wait(("failed", "bad.pdf"), ("added", "b.md"))
        (docs / "bad.pdf").unlink()
        (docs / "link.md").symlink_to(docs / "nowhere.md")
        (docs / "c.md").write_text("The tower.")
        watched.wait(("added", "c.md"))


@pytest.mark.slow
def test_a_sync_that_fails_is_said_and_tried_again(index, docs):
    with watching(index, docs) as watched:
        ledger = SQLiteLedger(index.folder / "ledger.sqlite3")
        with writing(ledger):
            (docs / "b.md").write_text("The castle.")
            until(lambda: watched.errors)
            assert "another process is writing" in str(watched.errors[0])
        ledger.close()
        (docs / "c.md").write_text("The tower.")
        watched.wait(("added", "b.md"), ("added", "c.md"))


@pytest.mark.slow
def test_without_notifications_the_folders_are_looked_through(index, docs, monkeypatch):
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    with watching(index, docs) as watched:
        (docs / "b.md").write_text("The castle.")
        watched.wait(("added", "b.md"))


def test_without_the_extra_the_error_names_it(index, docs, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingDependencyError, match=r"mmrerank\[watch\]"):
        next(index.watch(docs))
