"""mmrerank eval: tables on standard output, files that were asked for, and what goes wrong."""

from __future__ import annotations

import json
import shutil

import pytest
from cli_helpers import make_pdf
from helpers import png

from mmrerank.cli.main import main
from mmrerank.demo import ARCHIVE
from mmrerank.testing import LocalRerankServer

QUESTIONS = [
    {"id": "q1", "question": "torque of the turbine", "kind": "figure", "file": "a.pdf", "pages": [1]},
    {"id": "q2", "question": "what tool is a wrench", "kind": "text", "file": "b.pdf", "pages": [2]},
]  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval") / "library"
    folder.mkdir()
    make_pdf(folder / "a.pdf", "The hall is old. See Figure 1.", image=png("turbine torque"))
    make_pdf(folder / "b.pdf", "A turbine is a machine.", "A torque wrench is a tool.")
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    return folder


@pytest.fixture
def data(made, tmp_path, monkeypatch):
    """A folder of documents and questions, and a cache of the test's own."""
    monkeypatch.setenv("MMRERANK_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made, tmp_path / "library")


def test_systems_are_compared_and_files_written(data, tmp_path, capsys):
    files = ["--json", tmp_path / "r.json", "--html", tmp_path / "r.html", "--runs", tmp_path / "r"]
    words = ["eval", data, "--compare", "text", "words+vectors", "ocr", *files]
    assert main([*map(str, words)]) == 0
    said = capsys.readouterr()
    assert "library: 2 questions" in said.out
    assert "| words+vectors |" in said.out
    assert "| against text" in said.out
    result = json.loads((tmp_path / "r.json").read_text())
    text, _, ocr = result["systems"]
    assert ocr["quality"]["nDCG@10"]["mean"] == 1
    assert text["quality"]["nDCG@10"]["mean"] < 1
    assert "<h1" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "r" / "qrels.txt").read_text().split() == "q1 0 a.pdf#page=1 1 q2 0 b.pdf#page=2 1".split()  # fmt: skip
    again = ["eval", str(data), "--compare", f"run={tmp_path / 'r' / 'ocr.run'}", "text"]
    assert main([*again, "--measures", "RR"]) == 0
    assert main(["eval", str(tmp_path / "r" / "qrels.txt"), *again[2:-1]]) == 0
    assert "| run=ocr.run | 1.0 (1.0-1.0) |" in capsys.readouterr().out


def test_a_service_that_fails_is_reported_and_what_it_used_is_shown(data, capsys, monkeypatch):
    words = ["eval", str(data), "--limit", "1", "--price", "jina=0.5"]
    with LocalRerankServer() as server:
        monkeypatch.setenv("JINA_API_KEY", "wrong")
        wrong = [*words, "--compare", "none", "jina", "--base-url", f"jina={server.url}"]
        assert main(wrong) == 1
        said = capsys.readouterr()
        assert "jina failed after 0 of 1 question:" in said.out
        assert "jina failed: " in said.err
        monkeypatch.setenv("JINA_API_KEY", server.api_key)
        assert main(wrong) == 0
        row = next(r for r in capsys.readouterr().out.splitlines() if r.startswith("| jina ") and "e-" in r)  # fmt: skip
        asked = len(server.requests)
        assert main(wrong) == 0
        assert len(server.requests) == asked  # everything was kept
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert int(cells[3]) >= 1
    assert cells[4] != ""
    assert float(cells[5]) > 0
    assert float(cells[6]) == 0.5 * int(cells[4]) / 1e6


def test_an_index_that_is_there_is_used_as_it_is(data, tmp_path, capsys):
    store = str(tmp_path / "store")
    assert main(["index", str(data / "a.pdf"), "--store", store]) == 0
    words = ["eval", str(data / "questions.jsonl"), "--store", store]
    assert main(words) == 1
    assert "files that are not indexed: b.pdf" in capsys.readouterr().err
    assert main([*words, "--limit", "1", "--compare", "ocr"]) == 0


def test_init_drafts_questions(data, tmp_path, capsys):
    store = str(tmp_path / "store")
    assert main(["index", str(data), "--store", store]) == 0
    output = tmp_path / "drafts.jsonl"
    assert main(["eval", "init", store, "--output", str(output)]) == 0
    assert "1 draft" in capsys.readouterr().err
    assert main(["eval", str(output), "--store", store]) == 1
    assert "line 1: draft: this is a draft" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x", "--compare", "jima"], "'jima' is none of"),
        (["x", "--compare", "ocr="], "'ocr=' is none of"),
        (["x", "--price", "jina=much"], "'much' is not a price"),
        (["x", "y"], "STORE and --output belong to"),
        (["init", "y"], "init needs --output"),
    ],
)
def test_wrong_usage_is_said(words, said, capsys):
    with pytest.raises(SystemExit):
        main(["eval", *words])
    assert said in capsys.readouterr().err


def test_data_that_cannot_be_read_is_said(tmp_path, capsys):
    for words, said in (
        ([str(tmp_path / "none")], "does not exist"),
        ([str(tmp_path)], "has no questions.jsonl"),
        ([ARCHIVE], "has no questions.jsonl"),
        (["demo", "--measures", "foo"], "'foo' is not a measure"),
        (["demo", "--html", str(tmp_path / "none" / "a.html")], "there is no folder"),
        (["init", str(tmp_path), "--output", str(tmp_path / "none" / "q")], "there is no folder"),
    ):
        assert main(["eval", *words]) == 1
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_demos_questions_are_answered_better_when_reranked(tmp_path, capsys, monkeypatch):
    result = tmp_path / "r.json"
    assert main(["eval", "demo", "--compare", "text", "words", "ocr", "--json", str(result)]) == 0
    text, words, ocr = json.loads(result.read_text())["systems"]
    assert text["quality"]["RR"]["mean"] < words["quality"]["RR"]["mean"]
    assert ocr["against_first"]["RR"]["difference"]["low"] > 0
    assert "demo: 9 questions" in capsys.readouterr().out
