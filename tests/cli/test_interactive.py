"""mmrerank search --interactive: question after question, from a pipe and from a terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from mmrerank.cli.main import main
from mmrerank.testing import LocalRerankServer


def ask(monkeypatch, capsys, store, text, *options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))
    code = main(["search", "--interactive", "--store", store, *options])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_each_line_is_a_question_until_exit(store, monkeypatch, capsys):
    text = b"torque of the turbine\n\n  \nhall \xff\nEXIT\nnever asked\n"
    code, out, _ = ask(monkeypatch, capsys, store, text)
    assert code == 0
    assert out.count("found in") == out.count("reranked in") == 2
    first, second = out.split("found in")[1:]
    assert "was rank" in first
    assert "Figure 1: What the gauge shows." in first
    assert "a.pdf, page 1" in second


def test_as_json_a_question_is_a_line_with_both_stages(store, monkeypatch, capsys):
    options = ["--json", "--top-n", "2"]
    code, out, _ = ask(monkeypatch, capsys, store, b"torque of the turbine\nhall", *options)
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert first["query"] == "torque of the turbine"
    assert second["query"] == "hall"
    assert len(first["found"]) == len(first["results"]) == 2
    assert first["search_time"] > 0
    assert first["rerank_time"] > 0
    ((image,),) = [hit["images"] for hit in first["results"] if hit["best_image"]]
    assert len(image["box"]) == 4
    assert image["name"] == "Figure 1: What the gauge shows."


def test_a_first_question_may_be_an_argument(store, monkeypatch, capsys):
    code, out, err = ask(monkeypatch, capsys, store, b"", "torque", "--reranker", "none")
    assert code == 0
    assert out.count("found in") == 1
    assert "reranked" not in out
    assert err == ""


def test_an_error_ends_one_question_only(store, monkeypatch, capsys):
    with LocalRerankServer(faults=[400]) as server:
        monkeypatch.setenv("JINA_API_KEY", server.api_key)
        options = ["--reranker", "jina", "--base-url", server.url]
        code, out, err = ask(monkeypatch, capsys, store, b"torque\nturbine\n", *options)
    assert code == 1
    assert err.startswith("error: ")
    assert out.count("reranked in") == 1


def test_without_a_question_the_usage_says_what_is_needed(store, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["search", "--store", store])
    assert caught.value.code == 2
    assert "a query is needed, or --image, or --interactive" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_in_a_terminal_there_is_a_prompt_and_ctrl_d_ends(store):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mmrerank", "search", "-i", "--store", store]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"question> " not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, b"torque of the turbine\n")
        while seen.count(b"question> ") < 2:
            seen += os.read(ours, 1000)
        os.write(ours, b"\x04")
        assert process.wait(60) == 0
    os.close(ours)
    assert b"What the gauge shows" in seen
