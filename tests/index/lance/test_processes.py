"""Two processes that write to an index at a URL, and processes that are killed: nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mmrerank.index.index import Index

pytestmark = pytest.mark.slow

KILLS = 10

SYNC = """
import json, sys
from pathlib import Path
from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Storage
url, docs, options, cache, rounds = sys.argv[1:]
storage = Storage(options=json.loads(options), cache_dir=cache)
with Index(url, ocr=False, storage=storage) as index:
    print("ready", flush=True)
    for number in range(int(rounds)):
        if number:
            for path in Path(docs).glob("*.md"):
                path.write_text(path.read_text() + f"\\n\\nAdded in round {number}.")
        index.sync([docs])
"""


def write_documents(folder: Path, version: int, files: int = 8) -> Path:
    """Files of three sections each; every third file differs between versions, and one comes."""
    folder.mkdir(exist_ok=True)
    for i in range(files):
        edition = version if i % 3 == 0 else 1
        text = "\n\n".join(
            f"# Part {k}\n\nEdition {edition} of file{i} in {folder.name}, part{k}"
            for k in range(3)
        )
        (folder / f"file{i}.md").write_text(text)
    (folder / "new.md").unlink(missing_ok=True)
    if version % 2 == 0:
        (folder / "new.md").write_text(f"Edition {version} of a new file in {folder.name}")
    return folder


@pytest.fixture(params=["file_place", "s3_place"])
def place(request):
    return request.getfixturevalue(request.param)


def start(place, docs: Path, rounds: int = 1) -> subprocess.Popen:
    url, storage = place
    arguments = [url, docs, json.dumps(dict(storage.options)), storage.cache_dir, rounds]
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def opened(place) -> Index:
    return Index(place[0], ocr=False, storage=place[1])


def check_whole(place, tmp_path, *folders: Path) -> None:
    """Every file is there once, as a new index has it, and found by both routes."""
    with opened(place) as index, Index(tmp_path / "clean", ocr=False) as clean:
        index.sync(folders)
        clean.sync(folders)
        assert index.check() == []
        assert [r.path for r in index.files()] == [r.path for r in clean.files()]
        for record in clean.files():
            texts = [entry.text for entry in index.entries(record.path)]
            assert texts == [entry.text for entry in clean.entries(record.path)], record.path
        for route in ("words", "vectors"):
            found = index.search("edition of a file part", top_n=500, fetch_k=500, routes=[route])
            expected = clean.search(
                "edition of a file part", top_n=500, fetch_k=500, routes=[route]
            )
            assert Counter((hit.source, hit.text) for hit in found) == Counter(
                (hit.source, hit.text) for hit in expected
            )


def both_end(processes: list[subprocess.Popen]) -> None:
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], [err for _, err in outputs]


def test_two_write_different_files(place, tmp_path):
    folders = [write_documents(tmp_path / name, 1) for name in ("a", "b")]
    both_end([start(place, folder, rounds=4) for folder in folders])
    check_whole(place, tmp_path, *folders)


def test_two_write_the_same_files(place, tmp_path):
    folder = write_documents(tmp_path / "a", 1)
    for version in (2, 3, 4):
        both_end([start(place, folder), start(place, folder)])
        check_whole(place, tmp_path, folder)
        write_documents(folder, version)


def test_killed_at_random_moments_beside_another_writer(place, tmp_path):
    moments = random.Random(0)
    folders = [write_documents(tmp_path / name, 1) for name in ("a", "b")]
    killed = 0
    while killed < KILLS:
        with start(place, folders[0], rounds=50) as victim, start(place, folders[1]) as other:
            if victim.stdout.readline() != "ready\n":
                pytest.fail(victim.stderr.read())
            time.sleep(moments.uniform(0.0, 1.5))
            killed += victim.poll() is None
            victim.kill()
            assert other.wait(timeout=120) == 0, other.stderr.read()
        for folder in folders:
            write_documents(folder, moments.randint(1, 4))
    check_whole(place, tmp_path, *folders)
