"""`mmrerank explain`, with real files and rerankers."""

from __future__ import annotations

import pytest

from mmrerank.cli.main import main


def test_words_of_a_text(capsys):
    assert main(["explain", "turbine power", "--text", "The power of a turbine.\x1b[2J"]) == 0
    shown = capsys.readouterr().out
    assert "ocr-bm25, bm25" in shown
    assert "turbine" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    "arguments",
    [["q"], ["q", "a.txt", "--text", "x"], ["q", "--text", "x", "--reranker", "none"]],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", *arguments])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["q", "gone.txt"], "gone.txt"),
        (["q", "gone.png"], "gone.png"),
        (["q", "--text", "x", "--method", "leave_one_out"], "explains by bm25"),
        (["q", "--text", "x", "--reranker", "vllm", "--model", "m"], "cannot explain"),
        ([" ", "--text", "x"], "empty"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, message, capsys):
    assert main(["explain", *arguments]) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
