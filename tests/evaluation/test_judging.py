"""Which evidence results show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.evaluation.data import EvaluationData, Evidence, Question
from mmrerank.evaluation.judging import is_file, ranking_of, shows
from mmrerank.index.hits import Hit, HitImage

DATA = EvaluationData(name="d", questions=[])


def hit(source="/x/a.pdf", page=1, text="", images=(), best=None, also_in=(), name=""):
    return Hit(rank=1, score=0.0, retrieval_rank=1, retrieval_score=0.0, source=source, page=page,
               text=text, images=list(images), best_image=best, also_in=also_in, id=name)  # fmt: skip


def asked(*evidence: Evidence) -> Question:
    return Question(id="q", question="?", evidence=evidence)


def test_pages_figures_and_spans_are_told_apart():
    figure = HitImage(path="f.png", page=2, caption="Figure 12: The ＧＡＵＧＥ.")
    one = hit(text="At  dawn\nthe boiler was lit.", images=[figure], best="f.png")
    for evidence, is_shown in (
        (Evidence(file="a.pdf"), True),
        (Evidence(file="x/a.pdf", page=1), True),
        (Evidence(file="a.pdf", page=2), True),  # that of the best image
        (Evidence(file="a.pdf", page=3), False),
        (Evidence(file="b.pdf"), False),
        (Evidence(file="a.pdf", figure="figure 12: the gauge"), True),
        (Evidence(file="a.pdf", page=2, figure="Figure 12"), True),
        (Evidence(file="a.pdf", page=1, figure="Figure 12"), False),
        (Evidence(file="a.pdf", figure="Figure 1"), False),
        (Evidence(file="a.pdf", figure="f.png"), True),
        (Evidence(file="a.pdf", text="Dawn the boiler"), True),
        (Evidence(file="a.pdf", text="dusk"), False),
    ):
        assert shows(one, evidence) is is_shown, evidence
    copied = hit(also_in=[("/y/b.pdf", 7)])
    assert shows(copied, Evidence(file="b.pdf", page=7))
    assert not shows(copied, Evidence(file="b.pdf", page=8))


def test_a_page_takes_one_place_however_many_chunks_it_has():
    hits = [hit(page=3), hit(page=3), hit(page=4), hit(page=5), hit(page=4)]
    question = asked(Evidence(file="a.pdf", page=5), Evidence(file="a.pdf", page=9))
    other = "/x/a.pdf#other-page="
    assert ranking_of(hits, question, DATA) == [f"{other}3", f"{other}4", "a.pdf#page=5"]


def test_a_result_with_two_pieces_of_evidence_takes_two_places():
    one = hit(text="first and second")
    pieces = [Evidence(file="a.pdf", text="second"), Evidence(file="a.pdf", text="first")]
    found = ranking_of([one, one], asked(*pieces), DATA)
    assert found == [piece.id for piece in pieces]


def test_chunks_of_a_file_without_pages_are_places_of_their_own():
    hits = [hit("/x/n.txt", None, "a", name="1"), hit("/x/n.txt", None, "lit", name="2")]
    found = ranking_of(hits, asked(Evidence(file="n.txt", text="lit")), DATA)
    assert found == ["/x/n.txt#other=1", "n.txt#text=lit"]


def test_documents_of_a_collection_go_by_their_ids():
    data = EvaluationData(name="d", questions=[], is_collection=True)
    question = asked(Evidence(file="doc%2E2"))
    hits = [hit("/x/a%20b.txt", None), hit("/x/doc%2E2.png", 1)]
    assert ranking_of(hits, question, data) == ["a b", "doc.2"]


def test_a_file_is_named_by_the_end_of_its_path():
    assert is_file("/x/y/a.pdf", "y/a.pdf")
    assert not is_file("/x/ya.pdf", "a.pdf")
    assert not is_file("/x/a.pdf", "")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), max_size=12))
def test_the_first_place_of_evidence_counts_the_pages_before_it(places):
    hits = [hit(f"/x/{name}.pdf", page) for name, page in places]
    question = asked(Evidence(file="a.pdf", page=2))
    found = ranking_of(hits, question, DATA)
    assert len(found) == len(set(found)) == len(set(places))
    if ("a", 2) in places:
        before = set(places[: places.index(("a", 2))])
        assert found.index("a.pdf#page=2") == len(before)


@pytest.mark.parametrize("file", ["a b.pdf", "ä#1&2.pdf"])
def test_names_of_evidence_have_no_white_space(file):
    name = Evidence(file=file, page=2, figure="Figure 4", text="one two").id
    assert name.split() == [name]
    assert name != Evidence(file=file, page=2, figure="Figure 4 text", text="one").id
