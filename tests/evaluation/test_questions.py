"""Files of questions: what is read, and what is said of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrerank.errors import DocumentError
from mmrerank.evaluation.data import Evidence
from mmrerank.evaluation.questions import read_questions

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "questions"
GOOD = {"id": "a", "question": "Why?", "evidence": [{"file": "r.pdf", "page": 2}]}


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_fields_are_read(tmp_path):
    (tmp_path / "dial.png").write_bytes(b"png")
    rich = {
        "id": "b", "question": "How high?", "type": "chart", "answer": "7", "image": "dial.png",
        "within": "r.pdf", "draft": False, "snippet": "the gauge",
        "evidence": [
            {"file": "r.pdf", "page": 4, "figure": "Figure 4", "relevance": 2},
            {"file": "n.docx", "text": "seven metres"},
        ],
    }  # fmt: skip
    first, second = read_questions(write(tmp_path / "q.jsonl", GOOD, "", rich))
    assert first.evidence == [Evidence(file="r.pdf", page=2)]
    assert (second.type, second.answer, second.within) == ("chart", "7", "r.pdf")
    assert second.image == tmp_path / "dial.png"
    assert second.evidence[0] == Evidence(file="r.pdf", page=4, figure="Figure 4", relevance=2)
    assert second.evidence[1] == Evidence(file="n.docx", text="seven metres")


@pytest.mark.parametrize("name", ["development", "kept"])
def test_the_benchmarks_questions_are_read(name):
    questions = read_questions(BENCHMARK / f"{name}.jsonl")
    assert len(questions) > 50
    assert {one.type for one in questions} == {"figure", "chart", "table", "text"}
    assert all(e.page for one in questions for e in one.evidence)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evidance": 1}, "evidance: is not a field; known: answer, draft, evidence"),
        ({"question": " "}, "question: is missing"),
        ({"question": 3}, "question: must be text, not 3"),
        ({"id": "a b"}, "id: may have no white space"),
        ({"evidence": []}, "evidence: must be a list"),
        ({"evidence": ["r.pdf"]}, r"evidence\[0\]: must be an object"),
        ({"evidence": [{"page": 2}]}, r"evidence\[0\]\.file: is missing"),
        ({"evidence": [{"file": "r", "page": 0}]}, r"evidence\[0\]\.page: pages are whole numbers"),
        ({"evidence": [{"file": "r", "page": True}]}, r"evidence\[0\]\.page: pages are"),
        ({"evidence": [{"file": "r", "relevance": 0}]}, r"evidence\[0\]\.relevance: must be at"),
        ({"evidence": [{"file": "r"}, {"file": "r"}]}, "evidence: has the same piece twice"),
        ({"file": "r.pdf"}, "evidence: is needed, or file and pages"),
        ({"image": "none.png"}, "image: there is no file 'none.png'"),
        ({"draft": True}, "draft: this is a draft"),
        ({"draft": "yes"}, "draft: must be true or false"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(tmp_path, change, said):
    path = write(tmp_path / "q.jsonl", {**GOOD, "id": "z"}, {**GOOD, **change})
    with pytest.raises(DocumentError, match=f"line 2: {said}"):
        read_questions(path)


def test_all_mistakes_are_named_at_once(tmp_path):
    path = write(tmp_path / "q.jsonl", "{", "[]", GOOD, GOOD, '{"pages": []}')
    with pytest.raises(DocumentError) as caught:
        read_questions(path)
    said = str(caught.value)
    for what in ("line 1: the line: is not JSON", "line 2: the line: is not a JSON object",
                 "line 4: id: 'a' is that of line 3 too", "line 5: question"):  # fmt: skip
        assert what in said
    with pytest.raises(DocumentError, match="and 10 more"):
        read_questions(write(path, *["{"] * 30))
    with pytest.raises(DocumentError, match="has no questions"):
        read_questions(write(path, ""))


def test_other_ends_of_lines_within_text_end_no_line(tmp_path):
    text = json.dumps({**GOOD, "question": "one\u2028two\x85three"}, ensure_ascii=False)
    (question,) = read_questions(write(tmp_path / "q.jsonl", text))
    assert question.question == "one\u2028two\x85three"
