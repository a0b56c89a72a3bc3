"""The command line, run as a user runs it: exit codes, and one line per error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmrerank import demo
from mmrerank.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "x", "--store", "nowhere"], "there is no index in nowhere"),
        (["search", "x", "--store", demo.REPORT], "report.pdf is a file, not the folder"),
        (["index", "x.pdf", "--store", demo.REPORT], "report.pdf is a file, not the folder"),
        (["search", " ", "--store", "STORE"], "query is empty"),
        (["search", "x", "--store", "STORE", "--reranker", "jina"], "JINA_API_KEY"),
        (
            ["search", "x", "--store", "STORE", "--model", "m"],
            "ocr does not have the option --model",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(store, capsys, arguments, message):
    capsys.readouterr()
    assert main([store if argument == "STORE" else argument for argument in arguments]) == 1
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
        (["search", "x", "--store", "s", "--top-n", "0"], "'0' is not a whole number from 1 on"),
        (["search", "x", "--store", "s", "--top-n", "x"], "'x' is not a whole number from 1 on"),
        (["search", "x", "--store", "s", "--where", "page"], "'page' is not KEY=VALUE"),
        (["search", "x", "--store", "s", "--where", "page=x"], "page is N or N-M"),
        (["search", "x", "--store", "s", "--routes", "smell"], "not 'smell'"),
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


def test_a_terminal_that_is_not_utf_8(store):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "mmrerank", "search", "torque", "--store", store]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_it_is_installed_as_a_command_and_as_a_module():
    for command in ([Path(sys.executable).parent / "mmrerank"], [sys.executable, "-m", "mmrerank"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "0.1.0"
