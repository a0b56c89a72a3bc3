"""A disk that fills up at any point ends indexing with a typed error and leaves an index that opens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmrerank.index.index import Index

pytestmark = pytest.mark.slow

SIZES = [256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144]  # KiB

SYNC = """
import sys
from mmrerank.errors import RerankError
from mmrerank.index.index import Index
try:
    with Index(sys.argv[1], ocr=False) as index:
        index.sync([sys.argv[2]])
except RerankError as error:
    sys.exit(f"typed: {error}")
"""


@pytest.fixture
def small_disk(tmp_path, request):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root on Linux")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    for i in range(40):
        text = "\n\n".join(f"part {k} of file {i} " + "granite " * 60 for k in range(20))
        (folder / f"{i:02}.md").write_text(text)
    return folder


def sync(index: Path, documents: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", SYNC, str(index), str(documents)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("small_disk", SIZES, indirect=True)
def test_a_full_disk_is_a_typed_error_and_the_index_opens(small_disk, documents, tmp_path):
    done = sync(small_disk / "index", documents)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("typed: "), done.stderr
    moved = tmp_path / "moved"  # to where there is room
    if not (small_disk / "index/ledger.sqlite3").exists():
        return
    subprocess.run(["cp", "-r", str(small_disk / "index"), str(moved)], check=True)
    assert sync(moved, documents).returncode == 0
    with Index(moved, ocr=False) as index:
        assert index.check() == []
        assert len(index.files()) == 40
