"""The scores of the published code, whatever is batched with what."""

from __future__ import annotations

import math
import random

import pytest
from golden_cases import CLASSES, cases, content, load, options, slow

ALL = [(name, i) for name in CLASSES for i in range(len(cases(name)))]


def logit(score: float) -> float:
    return math.log(score) - math.log1p(-score)


@pytest.fixture(params=ALL, ids=[f"{name}-{i}" for name, i in ALL])
def golden(request):
    """A model's name, a case, its query and documents."""
    name, i = request.param
    case = cases(name)[i]
    return name, case, content(case["query"]), [content(d) for d in case["documents"]]


def expect(found: list[float], wanted: list[float]) -> None:
    assert found == pytest.approx(wanted, abs=1e-4, rel=0)
    assert sorted(range(len(found)), key=found.__getitem__) == sorted(
        range(len(wanted)), key=wanted.__getitem__
    )


@pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
@pytest.mark.parametrize(
    ("budget", "slack"),
    [*slow((1, 0.0), (700, 0.0)), (10**6, 0.0), (10**6, 0.9)],
    ids=["one-by-one", "few", "packed", "padded"],
)
def test_scores_do_not_depend_on_the_batches(loaded, golden, budget, slack):
    name, case, query, documents = golden
    reranker = loaded(name, **options(case))
    reranker._engine.budget, reranker._engine.slack = budget, slack
    expect(reranker.score(query, documents), case["scores"])


@pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
@pytest.mark.parametrize("size", slow(1, 3))
def test_scores_of_few_documents_a_call(loaded, golden, size):
    name, case, query, documents = golden
    reranker = loaded(name, **options(case))
    found = []
    for start in range(0, len(documents), size):
        found += reranker.score(query, documents[start : start + size])
    expect(found, case["scores"])


@pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
def test_scores_in_any_order(loaded, golden):
    name, case, query, documents = golden
    reranker = loaded(name, **options(case))
    order = list(range(len(documents)))
    random.Random(7).shuffle(order)
    found = reranker.score(query, [documents[i] for i in order])
    expect(found, [case["scores"][i] for i in order])


@pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
def test_logits(loaded, golden):
    name, case, query, documents = golden
    reranker = loaded(name, scores="logit", **options(case))
    for found, score in zip(reranker.score(query, documents), case["scores"], strict=True):
        rounding = 2**-24 / (score * (1 - score))  # of the published score, in float32
        assert found == pytest.approx(logit(score), abs=1e-3 + rounding)


@pytest.mark.parametrize("dtype", ["bfloat16", *slow("float16", "bf16")])
def test_narrow_dtypes_are_close(name, dtype):
    case = cases(name)[0]
    documents = [content(d) for d in case["documents"]]
    with load(name, dtype=dtype) as reranker:
        found = reranker.score(content(case["query"]), documents)
    assert found == pytest.approx(case["scores"], abs=0.05)
