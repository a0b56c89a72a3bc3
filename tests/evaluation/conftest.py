"""An index of two PDFs and a text file, with questions about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_helpers import make_pdf
from helpers import png

from mmrerank.index import Index


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    """A folder of documents with `questions.jsonl`, and its index in `store` beside it. Read only."""
    root = tmp_path_factory.mktemp("evaluation")
    folder = root / "library"
    folder.mkdir()
    make_pdf(folder / "a.pdf", "The hall is old. See Figure 1.", image=png("turbine torque"))
    make_pdf(folder / "b.pdf", "A turbine is a machine.", "A torque wrench is a tool.")
    (folder / "notes.txt").write_text("Nothing about engines.\n\nThe boiler was lit at dawn.\n")
    rows = [
        {"id": "q1", "question": "torque of the turbine", "type": "figure",
         "evidence": [{"file": "a.pdf", "page": 1, "figure": "Figure 1"}]},
        {"id": "q2", "question": "what tool is a wrench", "type": "text",
         "evidence": [{"file": "b.pdf", "page": 2}]},
        {"id": "q3", "question": "when was the boiler lit", "type": "text",
         "evidence": [{"file": "notes.txt", "text": "boiler was  lit at dawn"}]},
    ]  # fmt: skip
    lines = [json.dumps(row) for row in rows]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMRERANK_CACHE", str(tmp_path_factory.mktemp("cache")))
        with Index(root / "store") as index:
            index.sync([folder])
    return folder


@pytest.fixture
def index(library):
    """The index of `library`, for searching."""
    with Index(library.parent / "store", create=False) as opened:
        yield opened
