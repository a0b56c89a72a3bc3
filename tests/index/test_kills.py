"""An indexer that is killed at any moment leaves an index that the next run makes whole."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmrerank.index.index import Index

pytestmark = pytest.mark.slow

STEPS = ["intend", "upsert", "swap", "delete", "forget"]

SYNC = """
import os, signal, sys
from pathlib import Path
from mmrerank.index.index import Index
from mmrerank.index.sqlite_writer import SQLiteWriter
from mmrerank.retrieval.chroma import ChromaStore
from mmrerank.retrieval.qdrant import QdrantStore
from mmrerank.retrieval.stores import has_vectors

folder, docs, step, when = sys.argv[1:5]
store = {"chroma": ChromaStore, "qdrant": QdrantStore}[has_vectors(Path(folder))]
owner = {"upsert": store, "delete": store}.get(step, SQLiteWriter)
if step != "none":
    original = getattr(owner, step)
    def killed(self, *args):
        if when == "after":
            original(self, *args)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, step, killed)
print("ready", flush=True)
Index(folder, ocr=False).sync([docs])
"""


def write_documents(folder: Path, version: int) -> None:
    """Twelve files; those of the second version differ in some, lack one and have a new one."""
    folder.mkdir(exist_ok=True)
    for i in range(12):
        words = "second" if version == 2 and i % 3 == 0 else "first"
        text = "\n\n".join(f"# Part {k}\n\n{words} edition of file{i} part{k}" for k in range(5))
        (folder / f"file{i}.md").write_text(text)
    if version == 2:
        (folder / "file1.md").unlink()
        (folder / "new.md").write_text("a new file")


def start(index: Path, docs: Path, step: str = "none", when: str = "before") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, str(index), str(docs), step, when],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def contents(folder: Path) -> list[tuple[str, str]]:
    """What a search can find, by both routes, and that nothing else is there."""
    with Index(folder, ocr=False) as index:
        assert index.check() == []
        entries = [e for record in index.files() for e in index.entries(record.path)]
        for route in ("words", "vectors"):
            hits = index.search("edition of a new file", top_n=500, fetch_k=500, routes=[route])
            assert {(Path(h.source).name, h.text) for h in hits} == {
                (Path(e.path).name, e.text) for e in entries
            }
        return sorted((Path(entry.path).name, entry.text) for entry in entries)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    write_documents(folder / "docs", 2)
    with Index(folder / "index", ocr=False) as index:
        index.sync([folder / "docs"])
    return contents(folder / "index")


@pytest.fixture(params=["chroma", "qdrant"])
def folder(request, tmp_path):
    """An index of the first version of the documents, which are now in their second."""
    write_documents(tmp_path / "docs", 1)
    with Index(tmp_path / "index", vectors=request.param, ocr=False) as index:
        index.sync([tmp_path / "docs"])
    write_documents(tmp_path / "docs", 2)
    return tmp_path


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step(step, when, folder, clean):
    with start(folder / "index", folder / "docs", step, when) as process:
        assert process.wait(timeout=60) == -signal.SIGKILL
    with Index(folder / "index", ocr=False) as index:
        index.sync([folder / "docs"])
    assert contents(folder / "index") == clean


def test_killed_at_random_moments(folder, clean):
    moments = random.Random(0)
    for _ in range(50):
        with start(folder / "index", folder / "docs") as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.0, 0.6))
            process.kill()
        write_documents(folder / "docs", moments.choice([1, 2]))
    write_documents(folder / "docs", 2)
    with Index(folder / "index", ocr=False) as index:
        index.sync([folder / "docs"])
    assert contents(folder / "index") == clean
