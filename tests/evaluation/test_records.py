"""Kept answers, with results that cards can show again."""

from __future__ import annotations

from dataclasses import asdict, replace

from mmrerank.evaluation.data import Evidence, Question
from mmrerank.evaluation.records import Counts, Record, Records
from mmrerank.index.hits import Hit, HitImage, HitPart

QUESTION = Question(id="q/1", question="?", evidence=[Evidence(file="a.pdf")])
HIT = Hit(
    rank=1, score=0.5, retrieval_rank=2, retrieval_score=0.1, source="/x/a.pdf", page=3,
    text="Ünïcode\u2028 line", images=[HitImage("f.png", 3, "Figure 1", "/x/f.png", (1, 2, 3, 4))],
    best_image="f.png", box=(5, 6, 7, 8), also_in=[("/x/b.pdf", None)], metadata={"section": "s"},
    parts=(HitPart("image", 0.4, "f.png"),), routes={"words": 1},
    matched_in_text=["a"], matched_in_image=[], matched_in_caption=[],
)  # fmt: skip


def test_results_come_back_as_they_were(tmp_path):
    record = Record(
        id="q/1", fingerprint=QUESTION.fingerprint, ranking=["a.pdf"], hits=[asdict(HIT)],
        seconds=0.25, counts=Counts(tokens=3),
    )  # fmt: skip
    Records(tmp_path / "new", "jina-m0=/a b/m", "key").add(record)
    found = Records(tmp_path / "new", "jina-m0=/a b/m", "key").known(QUESTION)
    (hit,) = found.results()
    assert replace(hit, parts=tuple(hit.parts)) == HIT
    assert (found.seconds, found.counts) == (0.25, Counts(tokens=3))
    assert Records(tmp_path / "new", "jina-m0=/a b/m", "other").known(QUESTION) is None


def test_a_changed_question_is_asked_again(tmp_path):
    records = Records(tmp_path, "s", "key")
    records.add(Record(id="q/1", fingerprint=QUESTION.fingerprint, ranking=[]))
    assert records.known(QUESTION) is not None
    assert records.known(replace(QUESTION, answer="7", type="table")) is not None
    for changed in (
        replace(QUESTION, question="Why?"),
        replace(QUESTION, evidence=[Evidence(file="a.pdf", page=2)]),
        replace(QUESTION, within="a.pdf"),
        replace(QUESTION, id="q2"),
    ):
        assert records.known(changed) is None
    image = tmp_path / "a.png"
    image.write_bytes(b"1")
    before = replace(QUESTION, image=image).fingerprint
    image.write_bytes(b"2")
    assert replace(QUESTION, image=image).fingerprint != before
