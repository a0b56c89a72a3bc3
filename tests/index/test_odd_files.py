"""Files and folders that cannot be read, or have odd names, cost no other file of an index."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mmrerank.errors import DocumentError, StoreError
from mmrerank.index import Index

pytest.importorskip("chromadb")
pytest.importorskip("markdown_it")


def _folder(tmp_path, *names):
    folder = tmp_path / "files"
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {path.stem}\n\nThe turbine.\n")
    return folder


def _index(tmp_path):
    return Index(tmp_path / "store", ocr=False)


def _refuse(monkeypatch, folder):
    """As if the disk with this folder did not answer."""
    scandir = os.scandir

    def refuse(path="."):
        if str(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.parametrize("below", ["", "far"])
def test_files_of_a_folder_that_cannot_be_read_stay_in_the_index(tmp_path, monkeypatch, below):
    folder = _folder(tmp_path, "a.md", "far/b.md", "near/c.md")
    index = _index(tmp_path)
    index.sync([folder])
    _refuse(monkeypatch, folder / below)

    report = index.sync([folder])

    assert report.removed == []
    assert [path for path, _ in report.failed] == [str(folder / below)]
    assert len(index.files()) == 3


def test_a_file_that_cannot_be_looked_at_is_reported_and_stays(tmp_path, monkeypatch):
    folder = _folder(tmp_path, "a.md", "b.md")
    index = _index(tmp_path)
    index.sync([folder])
    is_file = Path.is_file

    def refuse(self):
        if self.name == "a.md":
            raise PermissionError(13, "Permission denied", str(self))
        return is_file(self)

    monkeypatch.setattr(Path, "is_file", refuse)
    report = index.sync([folder])
    assert report.removed == []
    assert [path for path, _ in report.failed] == [str(folder / "a.md")]


def test_a_path_that_may_not_be_looked_at_is_a_document_error(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    index = _index(tmp_path)
    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(DocumentError, match="cannot be opened"):
        index.sync([tmp_path / "a.md"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_that_is_named_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.md")
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(_index(tmp_path).sync([tmp_path / "a.md"])), daemon=True
    )
    thread.start()
    thread.join(20)
    assert [str(error) for _, error in reports[0].failed] == [
        f"{tmp_path / 'a.md'}: is not a regular file"
    ]


def test_a_name_that_is_not_utf8_costs_its_own_file_only(tmp_path):
    folder = _folder(tmp_path, "a.md", "z.md")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/b\xff.md"))
    try:
        odd.write_text("text")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    index = _index(tmp_path)

    report = index.sync([folder])
    assert report.skipped == [(str(odd), "has a name that is not UTF-8")]
    assert len(report.added) == 2

    report = index.sync([odd, folder / "a.md"])
    assert "not UTF-8" in str(report.failed[0][1])
    assert len(report.unchanged) == 1


def test_a_path_that_stands_alone_is_not_taken_for_its_letters(tmp_path):
    folder = _folder(tmp_path, "a.md")
    index = _index(tmp_path)
    assert index.sync(str(folder)).added == [str(folder / "a.md")]
    assert index.sync(folder).unchanged == [str(folder / "a.md")]
    assert index.remove(str(folder)) == [str(folder / "a.md")]


@pytest.mark.parametrize(
    "query",
    [
        "\ud800 turbine",
        pytest.param(
            "turbine " + " ".join(f"w{i}" for i in range(300_000)), marks=pytest.mark.slow
        ),
    ],
)
def test_queries_with_half_characters_and_very_many_words_are_searched(tmp_path, query):
    index = _index(tmp_path)
    index.sync([_folder(tmp_path, "a.md")])
    assert len(index.search(query)) == 1


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "file", "file/below"])
def test_a_folder_that_cannot_be_one_is_a_store_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        Index(f"{tmp_path}/file{name.removeprefix('file')}")
