"""The scores of the published code, whatever is batched with what."""

from __future__ import annotations

import math
import random

import pytest
from golden_cases import CLASSES, cases, content, golden_image, load, options

from mmrerank.types import Content

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
    [(1, 0.0), (700, 0.0), (10**6, 0.0), (10**6, 0.9)],
    ids=["one-by-one", "few", "packed", "padded"],
)
def test_scores_whatever_the_batches(loaded, golden, budget, slack):
    name, case, query, documents = golden
    reranker = loaded(name, **options(case))
    reranker._engine.budget, reranker._engine.slack = budget, slack
    expect(reranker.score(query, documents), case["scores"])


@pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
@pytest.mark.parametrize("size", [1, 3])
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


def test_all_kinds_in_one_call(loaded):
    """Text documents and image documents of m0 in one list, as each alone."""
    texts, images = cases("jina-reranker-m0")[:2]
    assert texts["query"] == images["query"]
    documents = [content(d) for d in texts["documents"] + images["documents"]]
    wanted = texts["scores"] + images["scores"]
    order = list(range(len(documents)))
    random.Random(3).shuffle(order)
    found = loaded("jina-reranker-m0").score(content(texts["query"]), [documents[i] for i in order])
    expect(found, [wanted[i] for i in order])


def test_m0_scores_the_parts_of_a_document_and_takes_the_best(loaded):
    texts, images = cases("jina-reranker-m0")[:2]
    shown = [golden_image(d["image"]) for d in images["documents"][:3]]
    text = texts["documents"][0]["text"]
    best = loaded("jina-reranker-m0").rerank(texts["query"]["text"], [Content(text, shown)])[0]
    wanted = [texts["scores"][0], *images["scores"][:3]]
    assert [part.score for part in best.parts] == pytest.approx(wanted, abs=1e-4)
    assert best.relevance_score == pytest.approx(max(wanted), abs=1e-4)
    assert best.best_image == 1


def test_m0_query_of_text_and_image_is_the_mean(loaded):
    by_text, by_image = cases("jina-reranker-m0")[0], cases("jina-reranker-m0")[6]
    query = Content(by_text["query"]["text"], [golden_image(by_image["query"]["image"])])
    found = loaded("jina-reranker-m0").score(query, [content(d) for d in by_text["documents"]])
    wanted = [(a + b) / 2 for a, b in zip(by_text["scores"], by_image["scores"], strict=True)]
    assert found == pytest.approx(wanted, abs=1e-4)


def test_m0_joint_prompt_is_one_score(loaded):
    document = Content("some text", [golden_image("0_56x56.png"), golden_image("5_33x47.png")])
    reranker = loaded("jina-reranker-m0", joint=True)
    apart = loaded("jina-reranker-m0")
    query = Content("a query", [golden_image("1_300x200.png")])
    (one,) = reranker.rerank(query, [document])
    assert one.parts == ()
    assert one.relevance_score != apart.rerank(query, [document])[0].relevance_score
    alone = [Content("text"), Content(images=[golden_image("0_56x56.png")])]
    assert reranker.score("q", alone) == pytest.approx(apart.score("q", alone), abs=1e-6)


def test_vl_can_score_parts_apart():
    texts = cases("qwen3-vl-reranker")[0]
    with load("qwen3-vl-reranker", joint=False) as reranker:
        document = Content(texts["documents"][0]["text"], [golden_image("0_56x56.png")])
        (result,) = reranker.rerank(texts["query"]["text"], [document])
        assert [part.kind for part in result.parts] == ["text", "image"]
        assert result.parts[0].score == pytest.approx(texts["scores"][0], abs=1e-4)


def test_instruction_of_m0_is_a_line_before_the_prompt(loaded):
    plain, told = loaded("jina-reranker-m0"), loaded("jina-reranker-m0", instruction="Be strict")
    assert plain.score("q", ["d"]) != told.score("q", ["d"])
    (prompt,), _ = told._prompts(Content("q"), [Content("d")])
    ((wanted, _),) = told._tokenizer.assemble([["Be strict\n**Document**:\nd\n**Query**:\nq"]])
    assert prompt.ids == [*wanted, 100]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bf16"])
def test_narrow_dtypes_are_close(name, dtype):
    case = cases(name)[0]
    documents = [content(d) for d in case["documents"]]
    with load(name, dtype=dtype) as reranker:
        found = reranker.score(content(case["query"]), documents)
    assert found == pytest.approx(case["scores"], abs=0.05)
