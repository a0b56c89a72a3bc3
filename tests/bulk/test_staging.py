"""Files of what is to be committed: whole or refused, each key once, and none is left for good."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmrerank import StoreError
from mmrerank.bulk.source import Document
from mmrerank.bulk.staging import Staged, StagingArea
from mmrerank.index.lance.rows import caption_table, entry_table
from mmrerank.index.lance.storage import Place

DAY = 24 * 3600
ONE, TWO = ([Document(name, 1, 1)] for name in ("one", "two"))


def caption(ref, text):
    return (ref, "key", "model", text, text, b"")


def staged(*captions):
    return Staged({"captions": caption_table([caption(*one) for one in captions])})


@pytest.fixture
def place(url, storage):
    return Place(url, storage)


def files(url):
    folder = Path(url.removeprefix("file://")) / "staged"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_batch_that_is_done_again_replaces_its_file(place, url):
    area = StagingArea(place, "run")
    first = area.write(ONE, staged(("a", "old")))
    assert area.write(ONE, staged(("a", "new"))) == first
    second = area.write(TWO, staged(("b", "other")))
    assert len(files(url)) == 2
    read = [one.tables["captions"]["caption"].to_pylist() for one in area.read([first, second])]
    assert read == [["new"], ["other"]]


def test_a_file_that_is_damaged_or_gone(place, url):
    area = StagingArea(place, "run")
    path = area.write(ONE, staged(("a", "text")))
    (file,) = files(url)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(StoreError, match="cannot be read"):
        area.read([path])
    file.write_bytes(data[:40])
    with pytest.raises(StoreError, match="cannot be read"):
        area.read([path])
    file.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        area.read([path])


def test_each_key_is_there_once(place):
    joined = Staged.joined([staged(("a", "1"), ("b", "2")), Staged(), staged(("a", "3"))])
    rows = joined.tables["captions"].to_pylist()
    assert sorted((row["ref"], row["caption"]) for row in rows) == [("a", "3"), ("b", "2")]


def test_batches_with_other_vectors_are_joined():
    tables = [
        entry_table([{"number": i, "path": str(i), "kind": "text", **vectors}])
        for i, vectors in enumerate(({"vector_text": [1.0]}, {"vector_image": [2.0, 3.0]}, {}))
    ]
    rows = Staged.joined([Staged({"files": one}) for one in tables]).tables["files"].to_pylist()
    assert [row["vector_text"] for row in rows] == [[1.0], None, None]
    assert [row["vector_image"] for row in rows] == [None, [2.0, 3.0], None]


def test_a_run_removes_its_files_and_those_of_runs_cut_off_a_day_ago(place, url):
    for age, run in ((2 * DAY, "old"), (600, "young"), (-600, "ahead")):
        StagingArea(place, run).write(ONE, staged(("a", "text")))
        (file,) = [path for path in files(url) if path.parent.name == run]
        os.utime(file, (time.time() - age,) * 2)
    with StagingArea.of_run(place) as run:
        assert {path.parent.name for path in files(url)} == {"young", "ahead", run}
        StagingArea(place, run).write(ONE, staged(("a", "text")))
    assert {path.parent.name for path in files(url)} == {"young", "ahead"}


def test_the_storage_decides_what_is_old(bucket, storage, monkeypatch):
    place = Place(bucket("index"), storage)
    StagingArea(place, "other").write(ONE, staged(("a", "text")))
    monkeypatch.setattr(time, "time", lambda: 9e9)  # a clock that is ahead by centuries
    with StagingArea.of_run(place):
        pass
    left = [one["path"] for some in place.objects.list("staged/") for one in some]
    assert [path.split("/")[1] for path in left] == ["other"]
