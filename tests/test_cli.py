"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymupdf
import pytest
from helpers import png

from mmrerank.cli.main import main
from mmrerank.terminal import clean, snippet
from mmrerank.testing import LocalRerankServer

REPORT = Path("mmrerank/demo/report.pdf")


def make_pdf(path: Path, *pages: str, image: bytes | None = None) -> Path:
    document = pymupdf.open()
    for text in pages:
        page = document.new_page()
        page.insert_textbox((72, 72, 520, 400), text)
        if image:
            page.insert_image((72, 420, 472, 540), stream=image)
            page.insert_text((72, 570), "Figure 1: What the gauge shows.")
    document.save(path)
    return path


@pytest.fixture
def store(tmp_path):
    """An index of two PDFs; the answer about the turbine stands in a picture."""
    first = make_pdf(
        tmp_path / "a.pdf", "The hall is old. See Figure 1.", image=png("turbine torque")
    )
    second = make_pdf(tmp_path / "b.pdf", "A turbine is a machine.", "A torque wrench is a tool.")
    folder = tmp_path / "store"
    assert main(["index", str(first), str(second), "--store", str(folder)]) == 0
    return folder


def search(capsys, *arguments: str) -> list[dict]:
    assert main(["search", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_chunk_with_the_figure_comes_first(store, capsys):
    hits = search(capsys, "torque of the turbine", "--store", str(store))
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    best = hits[0]
    assert set(best) == {
        "rank", "score", "retrieval_rank", "retrieval_score", "source", "page", "text", "images",
        "best_image",
    }  # fmt: skip
    assert best["source"].endswith("a.pdf")
    assert best["page"] == 1
    (image,) = best["images"]
    assert image["caption"] == "Figure 1: What the gauge shows."
    assert image["page"] == 1
    assert best["best_image"] == image["path"]
    assert (store / "images" / image["path"]).is_file()
    alone = search(capsys, "torque of the turbine", "--store", str(store), "--reranker", "none")
    assert not alone[0]["source"].endswith("a.pdf")
    assert best["retrieval_rank"] > 1


def test_the_table_names_the_image_that_won(store, capsys):
    assert main(["search", "torque of the turbine", "--store", str(store), "--top-n", "1"]) == 0
    shown = capsys.readouterr().out
    assert "Figure 1: What the gauge shows." in " ".join(shown.replace("│", " ").split())
    assert "a.pdf, page 1" in shown


def test_jina_serves_the_command_line_too(store, capsys, monkeypatch):
    with LocalRerankServer() as server:
        monkeypatch.setenv("JINA_API_KEY", server.api_key)
        hits = search(
            capsys, "turbine", "--store", str(store), "--reranker", "jina", "--base-url", server.url
        )
        main(["search", "x", "--store", str(store), "--reranker", "jina", "--model",
              "jina-reranker-m0-v1"])  # fmt: skip
    assert len(hits) == 3
    assert "'jina-reranker-m0'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vllm", "nvidia"])
def test_servers_of_ones_own_serve_the_command_line(store, capsys, monkeypatch, name):
    with LocalRerankServer(dialect=name) as server:
        monkeypatch.setenv(f"{name.upper()}_API_KEY", server.api_key)
        hits = search(
            capsys, "turbine", "--store", str(store), "--reranker", name, "--base-url", server.url
        )
    assert len(hits) == 3


def test_indexing_twice_leaves_one_copy_and_no_old_text(store, tmp_path, capsys):
    main(["index", str(tmp_path / "b.pdf"), "--store", str(store)])
    assert len(search(capsys, "turbine", "--store", str(store))) == 3
    make_pdf(tmp_path / "b.pdf", "Entirely new words.")
    main(["index", str(tmp_path / "b.pdf"), "--store", str(store)])
    texts = [hit["text"] for hit in search(capsys, "turbine", "--store", str(store))]
    assert len(texts) == 2
    assert not any("machine" in text for text in texts)


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
    said = capsys.readouterr().err
    for name in names[:4]:
        assert f"{name}" in said
    assert "4 of 5 files could not be indexed" in said
    assert "Traceback" not in said
    assert main(["index", str(locked), "--password", "secret", "--store", str(tmp_path / "s2")]) == 0  # fmt: skip


def test_a_failed_file_keeps_what_was_indexed_of_it(store, tmp_path, capsys):
    (tmp_path / "b.pdf").write_bytes(b"damaged")
    assert main(["index", str(tmp_path / "b.pdf"), "--store", str(store)]) == 1
    assert len(search(capsys, "turbine", "--store", str(store))) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "x", "--store", "nowhere"], "there is no index in nowhere"),
        (["search", "x", "--store", str(REPORT)], "report.pdf is a file, not the folder"),
        (["index", "x.pdf", "--store", str(REPORT)], "report.pdf is a file, not the folder"),
        (["search", " ", "--store", "STORE"], "query is empty"),
        (["search", "x", "--store", "STORE", "--reranker", "jina"], "JINA_API_KEY"),
        (["search", "x", "--store", "STORE", "--model", "m"], "takes no --model"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(store, capsys, arguments, message):
    capsys.readouterr()
    assert main([str(store) if argument == "STORE" else argument for argument in arguments]) == 1
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["nope"], "nope"),
        (["search", "x"], "--store"),
        (["search", "x", "--store", "s", "--top-n", "0"], "'0' is no whole number from 1 on"),
        (["search", "x", "--store", "s", "--top-n", "x"], "'x' is no whole number from 1 on"),
        (["search", "x", "--store", ""], "the name of a folder is missing"),
        (["index", "x.pdf", "--store", ""], "the name of a folder is missing"),
        (["demo", "--store", " "], "the name of a folder is missing"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("default::mmrerank.errors.RerankWarning")
def test_a_missing_image_is_named_and_the_search_goes_on(store, capsys):
    shutil.rmtree(store / "images")
    assert main(["search", "turbine", "--store", str(store)]) == 0
    shown = capsys.readouterr()
    assert "warning: image '" in shown.err
    assert "a.pdf" in shown.out
    assert main(["search", "turbine", "--store", str(store), "--reranker", "none"]) == 0
    assert "warning" not in capsys.readouterr().err


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
    (bare / "notes.txt").write_text("not read")
    folder = str(tmp_path / "store")
    assert main(["index", str(bare), "--store", folder]) == 1
    shown = capsys.readouterr().err
    assert f"{bare}: has no file to read" in shown
    assert ".pdf, .pptx" in shown
    assert main(["index", str(bare), str(good), "--store", folder]) == 1
    assert "1 chunk in all" in capsys.readouterr().err


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
        said = process.communicate()[1]
    assert process.returncode == 130
    assert [line.split()[0] for line in said.splitlines() if line.strip()] == [
        "Loading",
        "interrupted",
    ]


def test_a_terminal_that_is_not_utf_8(store):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "mmrerank", "search", "torque", "--store", str(store)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x9b2Jcleared", "2Jcleared"),
        ("\x1b]no end", "no end"),
        (
            "“shut” at 40 bar, “set” at 60".encode().decode("latin-1"),
            "âshutâ at 40 bar, âsetâ at 60",
        ),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\rb\x08c\x00", "abc"),
        ("right\u202eto left\u2066", "rightto left"),
        ("plain\n\ttext é 漢字 😀", "plain\n\ttext é 漢字 😀"),
        ("\x1b[", ""),
        ("\x1bP1$r\x1b\\ok", "ok"),
    ],
)
def test_terminal_escapes_are_stripped(text, shown):
    assert clean(text) == shown


def test_a_snippet_begins_near_the_words():
    text = "filler " * 60 + "the torque of the turbine " + "more " * 60
    cut = snippet(text, ["torque"], width=80)
    assert "torque" in cut
    assert len(cut) <= 84


def test_escapes_in_documents_reach_no_terminal(tmp_path, capsys, monkeypatch):
    from mmrerank.index.index import Store
    from mmrerank.loaders.base import Chunk

    hostile = Chunk("1", "turbine \x1b[2J\x1b]0;owned\x07\x9b5n", "evil\x1b[31m.pdf", 1, 0)
    Store(tmp_path, create=True).replace("x", [hostile])
    for flags in ([], ["--json"]):
        assert main(["search", "turbine", "--store", str(tmp_path), *flags]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown.replace("\x1b[0m", "")
        assert "u001b" not in shown
        assert "owned" not in shown


@pytest.mark.slow
def test_the_demo_answers_from_a_figure(capsys):
    assert main(["demo"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "to rank 1" in shown
    assert "Mean reciprocal rank" in shown


def test_it_is_installed_as_a_command_and_as_a_module():
    for command in ([Path(sys.executable).parent / "mmrerank"], [sys.executable, "-m", "mmrerank"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "0.1.0"
