"""MMDocIR's annotations, in their format; no document of theirs."""

from __future__ import annotations

import json

import pytest

from mmrerank.errors import DocumentError
from mmrerank.evaluation.data import Evidence
from mmrerank.evaluation.mmdocir import is_mmdocir, read_mmdocir

ROW = {
    "doc_name": "report",
    "domain": "Research report",
    "page_indices": [0, 12],
    "layout_indices": [0, 90],
    "questions": [
        {"Q": "How many?", "A": "7", "page_id": [0, 3, 3], "type": "['Table']",
         "layout_mapping": [{"page": 3, "page_size": [612, 792], "bbox": [1, 2, 3, 4]}]},
        {"Q": "Unanswerable?", "A": "", "page_id": [], "type": "None", "layout_mapping": []},
    ],
}  # fmt: skip


def test_pages_are_counted_from_one_and_the_search_stays_in_the_document(tmp_path):
    path = tmp_path / "MMDocIR_annotations.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "doc_name": "b.PDF"}) + "\n")
    assert is_mmdocir(path)
    first, second = read_mmdocir(path, tmp_path).questions
    assert first.evidence == [Evidence(file="report.pdf", page=1), Evidence(file="report.pdf", page=4)]  # fmt: skip
    assert (first.id, first.within, first.type, first.answer) == ("1-1", "report.pdf", "['Table']", "7")  # fmt: skip
    assert (second.id, second.within) == ("2-1", "b.PDF")


def test_a_line_that_is_something_else_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROW) + "\n{}\n")
    with pytest.raises(DocumentError, match="line 2 is not an annotation"):
        read_mmdocir(path, tmp_path)
    for text in ("", "{", "[]", '{"id": 1}'):
        path.write_text(text)
        assert not is_mmdocir(path)
    assert not is_mmdocir(tmp_path / "none")
