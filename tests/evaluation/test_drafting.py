"""Drafts of questions from an index."""

from __future__ import annotations

import json

import pytest

from mmrerank.errors import DocumentError, InvalidInputError
from mmrerank.evaluation.drafting import draft_questions, write_drafts
from mmrerank.evaluation.questions import read_questions
from mmrerank.index import Index


def test_a_draft_is_refused_until_a_person_has_corrected_it(index, tmp_path):
    path = tmp_path / "questions.jsonl"
    assert write_drafts(index, path, 30) == 1
    (row,) = map(json.loads, path.read_text().splitlines())
    assert row["evidence"] == [
        {"file": "a.pdf", "figure": "Figure 1: What the gauge shows.", "page": 1}
    ]
    assert "answer" not in row
    assert "turbine torque" in row["snippet"].casefold()
    with pytest.raises(DocumentError, match="line 1: draft"):
        read_questions(path)
    del row["draft"]
    path.write_text(json.dumps(row))
    assert read_questions(path)[0].evidence[0].page == 1
    with pytest.raises(InvalidInputError, match="exists already"):
        write_drafts(index, path, 30)


def test_files_take_turns_and_headings_are_named_once(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        text = f"# Boilers\n\nLit in {name}.\n\n## Pumps\n\nOld.\n"
        (tmp_path / name / "notes.md").write_text(text)
    with Index(tmp_path / "store") as index:
        index.sync([tmp_path / "x", tmp_path / "y"])
        rows = list(draft_questions(index))
    files = [row["evidence"][0]["file"] for row in rows]
    assert files == ["x/notes.md", "y/notes.md"] * 2
    assert [row["question"].rpartition("> ")[2] for row in rows] == ["Boilers"] * 2 + ["Pumps"] * 2
    assert all(row["draft"] and row["evidence"][0]["text"] for row in rows)


def test_an_index_without_captions_and_headings_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("Words.")
    with Index(tmp_path / "store") as index:
        index.sync([tmp_path / "a.txt"])
        with pytest.raises(InvalidInputError, match="no captions and no headings"):
            write_drafts(index, tmp_path / "q.jsonl", 3)
