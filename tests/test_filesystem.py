"""Files are written whole, and a changed file is noticed."""

from __future__ import annotations

import os
import time

import pytest

from mmrerank.filesystem import file_stamp, write_atomically


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    write_atomically(path, lambda part: part.write_bytes(b"new"))
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path):
    def fail(part):
        part.write_bytes(b"half")
        raise ZeroDivisionError

    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def settle(path, seconds_ago=10.0):
    """Make the file's times those of some seconds ago, as far as a program can."""
    at = time.time() - seconds_ago
    os.utime(path, (at, at))


def test_a_stamp_changes_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("mmrerank.filesystem._SETTLED", -1e9)
    path = tmp_path / "a"
    path.write_bytes(b"one")
    settle(path)
    before = file_stamp(path)
    assert before == file_stamp(str(path))
    time.sleep(0.02)  # a tick of the file system's clock
    path.write_bytes(b"two")
    settle(path)
    assert file_stamp(path) != before


def test_a_file_that_just_changed_has_no_stamp(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert file_stamp(path) is None
    settle(path)  # its change time is now
    assert file_stamp(path) is None


@pytest.mark.parametrize("name", ["missing", "null\0character"])
def test_without_a_file_there_is_no_stamp(tmp_path, name):
    assert file_stamp(tmp_path / name) is None
