"""Which data a path or a word means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mmrerank.demo import QUESTIONS
from mmrerank.errors import DocumentError, InvalidInputError, RerankWarning
from mmrerank.evaluation.data import EvaluationData, Evidence, Question
from mmrerank.evaluation.sources import check_evidence, first_questions, open_data


def test_the_demos_questions_are_about_figures_of_its_report():
    data = open_data("demo", Path("unused"))
    assert [one.question for one in data.questions] == [
        row["question"] for row in json.loads(Path(QUESTIONS).read_text())
    ]
    assert all(e.figure and e.page and e.file == "report.pdf" for q in data.questions for e in q.evidence)  # fmt: skip
    assert all(path.exists() for path in data.documents)


def test_a_folder_or_a_file_of_questions(library, tmp_path):
    folder = open_data(str(library), tmp_path)
    file = open_data(str(library / "questions.jsonl"), tmp_path)
    assert folder.questions == file.questions
    assert folder.documents == file.documents == [library]
    elsewhere = open_data(str(library / "questions.jsonl"), tmp_path, documents=tmp_path)
    assert elsewhere.documents == [tmp_path]
    assert len(first_questions(folder, 2).questions) == 2
    assert first_questions(folder, None) is folder


def test_annotations_and_qrels_are_told_by_what_they_are(tmp_path):
    row = {"doc_name": "r", "questions": [{"Q": "?", "A": "", "page_id": [1], "type": "t"}]}
    path = tmp_path / "MMDocIR_annotations.jsonl"
    path.write_text(json.dumps(row))
    for name in (path, tmp_path):
        (question,) = open_data(str(name), tmp_path).questions
        assert question.evidence == [Evidence(file="r.pdf", page=2)]
    (tmp_path / "qrels.txt").write_text("q 0 http://x.org/a?b=1 2\nq 0 c 0\nunjudged 0 d 0\n")
    data = open_data(str(tmp_path / "qrels.txt"), tmp_path)
    assert data.qrels == {"q": {"http://x.org/a?b=1": 2}}


def test_what_is_no_data_is_an_error(tmp_path):
    with pytest.raises(DocumentError, match="does not exist"):
        open_data(str(tmp_path / "none"), tmp_path)
    with pytest.raises(InvalidInputError, match=r"has no questions\.jsonl, no corpus\.jsonl"):
        open_data(str(tmp_path), tmp_path)


def test_evidence_must_be_in_the_index_and_clear():
    question = Question(id="q", question="?", evidence=[Evidence(file="a.pdf")])
    data = EvaluationData(name="d", questions=[question])
    check_evidence(data, ["/x/a.pdf", "/x/b.pdf"])
    with pytest.raises(InvalidInputError, match=r"not indexed: a\.pdf"):
        check_evidence(data, ["/x/b.pdf"])
    with pytest.raises(InvalidInputError, match=r"several files have these names.*: a\.pdf"):
        check_evidence(data, ["/x/a.pdf", "/y/a.pdf"])
    within = replace(data, questions=[replace(question, within="c.pdf")])
    with pytest.raises(InvalidInputError, match=r"not indexed: c\.pdf"):
        check_evidence(within, ["/x/a.pdf"])
    collection = replace(data, is_collection=True)
    check_evidence(collection, ["/x/a.txt"])
    with pytest.warns(RerankWarning, match=r"1 relevant documents are not in the index: a"):
        check_evidence(collection, ["/x/b.txt"])
