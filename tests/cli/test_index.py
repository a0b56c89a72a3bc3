"""mmrerank index: what is indexed, and what is messages of files that cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pymupdf
import pytest
from cli_helpers import make_pdf, search

from mmrerank.cli.main import main


def index_of(path, *pages: str) -> str:
    """The folder of an index of one PDF with these pages."""
    folder = str(path.parent / "store")
    assert main(["index", str(make_pdf(path, *pages)), "--store", folder]) == 0
    return folder


def test_indexing_twice_leaves_one_copy_and_no_old_text(tmp_path, capsys):
    path = tmp_path / "b.pdf"
    store = index_of(path, "A turbine is a machine.", "A torque wrench is a tool.")
    assert main(["index", str(path), "--store", store]) == 0
    assert len(search(capsys, "turbine", "--store", store)) == 2
    index_of(path, "Entirely new words.")
    (hit,) = search(capsys, "turbine", "--store", store)
    assert "Entirely new words." in hit["text"]


def test_a_bad_file_is_named_and_the_others_are_indexed(tmp_path, capsys):
    good = make_pdf(tmp_path / "good.pdf", "Some words.")
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / "text.pdf").write_text("not a PDF")
    locked = tmp_path / "locked.pdf"
    document = pymupdf.open(good)
    document.save(locked, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    names = ["missing.pdf", "empty.pdf", "text.pdf", "locked.pdf", "good.pdf"]
    files = [str(tmp_path / name) for name in names]
    assert main(["index", *files, "--store", str(tmp_path / "store")]) == 1
    messages = capsys.readouterr().err
    for name in names[:4]:
        assert f"{name}" in messages
    assert "4 of 5 files could not be indexed" in messages
    assert "Traceback" not in messages
    assert main(["index", str(locked), "--password", "secret", "--store", str(tmp_path / "s2")]) == 0  # fmt: skip


def test_a_failed_file_keeps_what_was_indexed_of_it(tmp_path, capsys):
    store = index_of(tmp_path / "b.pdf", "A turbine is a machine.")
    (tmp_path / "b.pdf").write_bytes(b"damaged")
    assert main(["index", str(tmp_path / "b.pdf"), "--store", store]) == 1
    (hit,) = search(capsys, "turbine", "--store", store)
    assert "machine" in hit["text"]


def test_where_nothing_can_be_indexed_no_index_is_left(tmp_path, capsys):
    folder = tmp_path / "store"
    assert main(["index", "missing.pdf", "--store", str(folder)]) == 1
    assert not folder.exists()
    assert main(["search", "x", "--store", str(folder)]) == 1
    assert "there is no index" in capsys.readouterr().err


def test_a_folder_without_a_file_to_read_is_an_error(tmp_path, capsys):
    good = make_pdf(tmp_path / "good.pdf", "Some words.")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "notes.xyz").write_text("not read")
    folder = str(tmp_path / "store")
    assert main(["index", str(bare), "--store", folder]) == 1
    shown = capsys.readouterr().err
    assert f"{bare}: has no file that can be loaded" in shown
    assert ".pdf, .pptx" in shown
    assert main(["index", str(bare), str(good), "--store", folder]) == 1
    assert "1 file and 1 entry in all" in capsys.readouterr().err


def test_a_file_that_needs_an_extra_is_named(tmp_path, capsys, monkeypatch):
    (tmp_path / "notes.md").write_text("The turbine.")
    monkeypatch.setitem(sys.modules, "bs4", None)
    assert main(["index", str(tmp_path / "notes.md"), "--store", str(tmp_path / "store")]) == 1
    said = capsys.readouterr().err
    assert "notes.md: loading an HTML or Markdown file needs beautifulsoup4" in said


def test_checking_an_index_that_is_not_there_makes_none(tmp_path, capsys):
    assert main(["check", "--store", str(tmp_path / "store")]) == 1
    assert "there is no index" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_an_interrupt_is_one_line(tmp_path):
    """As Ctrl-C in a terminal: all processes of the group get it, also while pages are read."""
    command = [sys.executable, "-m", "mmrerank", "index", "tests/data/pdf/geotopo.pdf"]
    with subprocess.Popen(  # where the tests run in the background, SIGINT may be ignored
        [*command, "--store", tmp_path],
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        while not list(tmp_path.glob("images/*.png")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        messages = process.communicate()[1]
    assert process.returncode == 130
    assert [line.split()[0] for line in messages.splitlines() if line.strip()] == [
        "Loading",
        "interrupted",
    ]


@pytest.mark.slow
def test_watching_goes_on_until_ctrl_c(tmp_path, capsys):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("The harbour.")
    (docs / "notes.xyz").write_text("passed over, which is said once")
    store = str(tmp_path / "store")
    command = [sys.executable, "-m", "mmrerank", "index", str(docs), "--store", store]
    with subprocess.Popen(
        [*command, "--no-ocr", "--watch"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("watching"):
                (docs / "b.md").write_text("The castle.")
            if line.startswith("added") and "b.md" in line and said.count(line) == 1:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert said[-1] == "stopped watching\n"
    assert sum("notes.xyz" in line for line in said) == 1
    capsys.readouterr()
    (hit,) = search(capsys, "castle", "--store", store, "--no-ocr", "--routes", "words")
    assert hit["text"] == "The castle."


def test_an_index_is_not_put_into_itself(tmp_path, capsys):
    make_pdf(tmp_path / "a.pdf", "Beside the index: by name it can be indexed.")
    store = str(tmp_path)
    assert main(["index", str(tmp_path / "a.pdf"), "--store", store]) == 0
    (tmp_path / "images").mkdir(exist_ok=True)
    for path in (store, f"{store}/images"):
        assert main(["index", path, "--store", store]) == 1
        assert f"error: {path}: is part of the index itself" in capsys.readouterr().err


def test_own_metadata_is_searched_by_where(folder, capsys):
    store = str(folder / "own")
    assert main(["index", str(folder / "a.pdf"), "--store", store, "--metadata", "team=works"]) == 0
    capsys.readouterr()
    assert search(capsys, "turbine", "--store", store, "--where", "team=works")
    with pytest.raises(SystemExit):
        main(["index", str(folder / "a.pdf"), "--store", store, "--metadata", "works"])
