"""What the one writer of an index leaves alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmrerank.index.index import Index
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_files_of_others_in_the_images_folder_stay(tmp_path):
    docs, own = tmp_path / "docs", tmp_path / "project/images"
    own.mkdir(parents=True)
    for name in ("holiday.png", "notes.txt", ".hidden", "0123456789abcdef.png"):
        write(own / name, "mine")
    write(docs / "a.md", "A turbine.")
    write(docs / "b.md", "A pump.")
    (own / f".{'0' * 32}.png.{'1' * 32}.part").touch()  # a killed process left it behind
    with Index(tmp_path / "project", ocr=False) as index:
        index.sync(docs)
        (docs / "b.md").unlink()
        assert index.sync(docs).removed == [str(docs / "b.md")]
        index.remove(docs / "a.md")
    left = sorted(path.name for path in own.iterdir())
    assert left == [".hidden", "0123456789abcdef.png", "holiday.png", "notes.txt"]


def test_a_file_that_another_writer_added_meanwhile_is_not_removed(tmp_path):
    docs = tmp_path / "docs"
    write(docs / "a.md", "A turbine.")
    with Index(tmp_path / "store", ocr=False) as index:
        index.sync(docs)
    waits = threading.Event()
    with (
        Index(tmp_path / "store", ocr=False, on_wait=waits.set) as index,
        ThreadPoolExecutor() as pool,
    ):
        ledger = SQLiteLedger(tmp_path / "store/ledger.sqlite3")
        with writing(ledger):
            report = pool.submit(index.sync, docs)
            assert waits.wait(20)
            write(docs / "b.md", "A pump.")
        ledger.close()
        assert report.result(20).added == [str(docs / "b.md")]
