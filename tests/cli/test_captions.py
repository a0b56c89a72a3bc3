"""mmrerank index --captions, and what search shows of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from cli_helpers import make_pdf, search
from helpers import image_file

from mmrerank.cli.main import main
from mmrerank.testing import LocalChatServer, Refusal

SAID = {
    "text_in_image": [],
    "data_points": [],
    "brief": "Ein Segelboot im Hafen.",
    "detailed": "Ein Boot mit zwei Masten.",
    "keywords": [],
}


@pytest.fixture
def index(tmp_path, monkeypatch, own_cache):
    """`index(server, ...)` runs `mmrerank index` over one PDF with a picture; its exit code."""
    monkeypatch.setenv("OPENAI_API_KEY", LocalChatServer.api_key)
    path = make_pdf(tmp_path / "a.pdf", "The hall is old.", image=image_file((300, 100)))
    fixed = ["index", str(path), "--store", str(tmp_path / "store"), "--no-ocr"]

    def run(server, *options):
        return main([*fixed, "--captions", "teller", "--base-url", server.base_url, *options])

    run.store, run.fixed = str(tmp_path / "store"), fixed
    return run


def test_images_are_described_once_and_found(index, capsys):
    with LocalChatServer(SAID) as server:
        assert index(server, "--dry-run") == 0
        assert "1 requests, about" in capsys.readouterr().err
        assert server.requests == []
        assert index(server, "--language", "German") == 0
        assert "1 image described" in capsys.readouterr().err
        assert "German" in server.calls[0].text
        assert index(server, "--language", "German") == 0
        assert "1 image had a caption" in capsys.readouterr().err
        assert len(server.calls) == 1
    (hit,) = search(capsys, "Segelboot", "--store", index.store, "--rerank-captions")
    assert hit["matched_in_caption"] == ["Segelboot"]
    assert hit["images"][0]["generated_by"] == "teller"
    assert main(["search", "Segelboot", "--store", index.store]) == 0
    table = capsys.readouterr()
    assert "generated caption (teller)" in table.out
    assert "no word of the question" not in table.err


def test_what_fails_is_said(index, capsys):
    with LocalChatServer(SAID, faults=[Refusal(400, message="too odd")]) as server:
        assert index(server) == 1
    messages = capsys.readouterr().err
    assert "no caption of 1 image" in messages
    assert "too odd" in messages
    with LocalChatServer(SAID, takes_images=False) as server:
        assert index(server) == 1
    assert "does not read images" in capsys.readouterr().err


def test_options_that_need_a_model(index, capsys):
    assert main([*index.fixed, "--dry-run"]) == 1
    assert "--dry-run needs --captions" in capsys.readouterr().err


def test_without_a_key_nothing_is_indexed(index, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main([*index.fixed, "--captions", "gpt"]) == 1
    assert "OPENAI_API_KEY" in capsys.readouterr().err


@pytest.mark.slow
def test_watching_captions_what_is_new_and_goes_on_after_errors(tmp_path, own_cache):
    docs = tmp_path / "docs"
    docs.mkdir()
    make_pdf(docs / "a.pdf", "The hall is old.", image=image_file((300, 100), "red"))
    asked = ["--captions", "teller", "--store", str(tmp_path / "store"), "--no-ocr", "--watch"]
    with LocalChatServer(SAID, faults=[401]) as server:  # the key is wrong at first
        environment = {**os.environ, "OPENAI_API_KEY": server.api_key}
        command = [sys.executable, "-m", "mmrerank", "index", str(docs), *asked]
        with subprocess.Popen(
            [*command, "--base-url", server.base_url],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as process:
            said = []
            for line in process.stderr:
                said.append(line)
                if "status 401" in line:
                    make_pdf(docs / "b.pdf", "A wrench.", image=image_file((310, 100), "blue"))
                described = re.findall(r"^captions: ([12]) image", "".join(said), re.MULTILINE)
                if line.startswith("captions: ") and sum(map(int, described)) == 2:
                    process.send_signal(signal.SIGINT)
        assert process.returncode == 0, said
        assert len({call.images[0].hash for call in server.calls}) == 2 == len(server.calls)
