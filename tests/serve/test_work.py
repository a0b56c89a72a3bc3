"""How requests are cut into units."""

from __future__ import annotations

import pytest
from golden_cases import golden_image, load

from mmrerank import OCRReranker
from mmrerank.serve.work import Pairs, WholeRequests, answer, work_of
from mmrerank.testing import FakeReranker
from mmrerank.types import Content

M0 = "jina-reranker-m0"
BOTH = Content("both", [golden_image("0_56x56.png")])


def units(request) -> list:
    return [unit for read in (True, False) for unit in request.waiting[read]]


def test_local_models_get_pairs_and_others_whole_requests():
    assert isinstance(work_of(OCRReranker()), WholeRequests)
    with load(M0) as reranker:
        assert isinstance(work_of(reranker), Pairs)


def test_a_unit_is_a_part_of_the_query_with_a_part_of_a_document():
    with load(M0) as reranker:
        work = Pairs(reranker)
        request = work.plan(BOTH, [BOTH, Content("text"), Content("both")])
        assert request.left == 2 * 3  # "both" is the text of two documents
        assert len({unit.key for unit in units(request)}) == 3
        for unit in units(request):
            request.put(unit, work.compute([unit])[0])
        found = request.finish(request.results)
        wanted = reranker.score(BOTH, [BOTH, Content("text"), Content("both")])
        assert [one.score for one in found.scored] == pytest.approx(wanted, abs=1e-6)
        assert found.usage.parts == 6


def test_a_read_document_costs_its_query_only():
    with load(M0) as reranker:
        work = Pairs(reranker)
        document, query = Content("word " * 100), Content("query")
        (cold,) = units(work.plan(query, [document]))
        reranker.warm([document])
        (warm,) = units(work.plan(query, [document]))
        assert (cold.read, warm.read) == (False, True)
        assert cold.tokens == work.estimate(query, [document])
        assert warm.tokens < cold.tokens / 5


def test_what_is_cut_costs_no_more_than_the_model_reads():
    with load(M0, max_length=300, max_query_length=100) as reranker:
        assert Pairs(reranker).estimate(Content("q"), [Content("word " * 10_000)]) == 300


def test_the_budget_is_that_of_the_model_after_memory_ran_out():
    with load(M0, max_batch_tokens=700) as reranker:
        work = Pairs(reranker)
        assert work.budget == 700
        reranker._engine.budget = 350
        assert work.budget == 350


def test_an_answer_has_the_order_of_the_documents():
    reranker = FakeReranker()
    documents = [Content("other"), Content("some words"), Content("words")]
    results = reranker.rerank("words", documents)
    found = answer(reranker, results, [])
    assert [one.score for one in found.scored] == reranker.score("words", documents)
    assert found.scored == reranker._scored("words", documents)[1]
    assert found.usage.documents == 3
