"""jina-reranker-m0: parts and joint prompts, instructions, and the seam before the query."""

from __future__ import annotations

import random

import pytest
from golden_cases import cases, content, golden_image, load

from mmrerank.errors import RerankWarning
from mmrerank.types import Content

M0 = "jina-reranker-m0"


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


def test_instruction_of_m0_is_a_line_before_the_prompt(loaded):
    plain, told = loaded("jina-reranker-m0"), loaded("jina-reranker-m0", instruction="Be strict")
    assert plain.score("q", ["d"]) != told.score("q", ["d"])
    (prompt,), _ = told._prompts(Content("q"), [Content("d")])
    ((wanted, _),) = told._tokenizer.assemble([["Be strict\n**Document**:\nd\n**Query**:\nq"]])
    assert prompt.ids == [*wanted, 100]


def expect(found: list[float], wanted: list[float]) -> None:
    assert found == pytest.approx(wanted, abs=1e-4, rel=0)
    assert sorted(range(len(found)), key=found.__getitem__) == sorted(
        range(len(wanted)), key=wanted.__getitem__
    )


def prompt(reranker, query, document):
    (made,), _ = reranker._prompts(Content(query), [Content(document)])
    return made


def test_m0_cuts_a_document_regardless_of_the_query(loaded):
    reranker = load("jina-reranker-m0", max_length=192, max_query_length=64)
    long = "alpha beta gamma delta " * 100
    short, longer = prompt(reranker, "q", long).ids, prompt(reranker, "a longer query", long).ids
    query = reranker._tokenizer.encode(["\n**Query**:\nq"])[0]
    assert short[: -len(query) - 1] == longer[: len(short) - len(query) - 1]


def test_the_state_is_what_all_queries_share():
    """The tokens before the tail are those of the whole prompt, whatever stands at the seam."""
    ends = [
        "a.",
        "a",
        "a ",
        "a\n",
        "a.\n\n",
        "",
        "**",
        "a **",
        "\r\n",
        "什么",
        "a:\n",
        "\n**Query**:\n",
    ]
    begins = ["q", " q", "\nq", "\r\nq", "\n\n\n", "?!", "**", ":", "什么", "  \n x", "1", "'s"]
    with load(M0) as reranker:
        for end in ends:
            seen = set()
            for begin in begins:
                (prompt,), _ = reranker._prompts(Content(begin), [Content(end)])
                tail, _ = reranker._tail(Content(begin))
                length = len(prompt) - len(tail.prompt)
                assert prompt.ids[length:] == tail.prompt.ids
                state = prompt.ids[: length - len(reranker._query_marker) + tail.back]
                seen.add(tuple(state))
            assert len(seen) == 1


def test_what_cut_and_used_report_is_the_same_when_warm():
    used = []
    options_ = {"max_length": 60, "max_query_length": 12, "on_usage": used.append}
    with load(M0, **options_) as reranker:
        for _ in range(2):
            with pytest.warns(RerankWarning, match="cut to fit max_length=60: 2 of 3 documents"):
                reranker.score("query", ["short", "long " * 80, "longer " * 90])
    assert used[0] == used[1]
    assert used[0].truncated == 2
