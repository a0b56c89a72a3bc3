"""`mmrerank bulk`: its options, and what it says of what it cannot do."""

from __future__ import annotations

import pytest
from helpers import make_texts

from mmrerank.cli.main import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--index", "folder"], "an index at a URL, not in the folder"),
        (["--index", "s3://b/i", "--model", "x"], "--model needs --warm"),
        (["--index", "s3://b/i", "--language", "German"], "need --captions"),
        (["--index", "s3://u:secret@b/i"], "no user, password or query"),
        (["--index", "s3://b/i", "--timeout", "0"], "timeout must be more than 0"),
    ],
)
def test_what_cannot_be_done(options, said, docs, capsys):
    assert main(["bulk", str(docs), "--no-ocr", *options]) == 1
    assert said in capsys.readouterr().err


@pytest.fixture
def docs(tmp_path):
    return make_texts(tmp_path / "docs", 2, "word")


@pytest.mark.slow
def test_a_folder_and_its_failures(docs, tmp_path, capsys):
    index = f"file://{tmp_path}/index"
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    command = ["bulk", str(docs), "--index", index, "--workers", "1", "--no-ocr"]
    assert main(command) == 1
    said = capsys.readouterr()
    assert f"failed: {docs}/broken.pdf: cannot be read as a PDF" in said.err + said.out
    (docs / "broken.pdf").unlink()
    assert main(command) == 0  # nothing to do: Ray is not even started
    said = capsys.readouterr()
    assert "unchanged: 2 documents" in said.err + said.out
    assert main(["search", "granite", "--store", index, "--reranker", "none", "--no-ocr"]) == 0
    assert "1.md" in capsys.readouterr().out
