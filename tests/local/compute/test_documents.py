"""Scores from documents' cached states are those of whole prompts."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from golden_cases import cases, content, golden_image, load, near, options, slow

from mmrerank.errors import RerankWarning
from mmrerank.local import Reuse
from mmrerank.types import Content

M0, VL = "jina-reranker-m0", "qwen3-vl-reranker"
ALL = [(name, i) for name in (M0, VL) for i in range(len(cases(name)))]
QUICK = [(M0, 0), (M0, 1), (VL, 1)]
ignore_cut = pytest.mark.filterwarnings("ignore:cut to fit:mmrerank.errors.RerankWarning")
TEXTS = [f"document {i} " + "about torque " * (3 * i) for i in range(8)]


def small(documents: list[Content]) -> list[Content]:
    """Without the largest images, which are the golden tests' business and take seconds."""
    large = {"2_1200x900.png", "4_2000x1500.png"}
    return [d for d in documents if not large & {image.path.name for image in d.images}]


@ignore_cut
@pytest.mark.parametrize(
    "golden",
    [*QUICK, *slow(*[(case,) for case in ALL if case not in QUICK])],
    ids="{0[0]}-{0[1]}".format,
)
def test_golden_scores_cold_warm_half_warm_and_thrashing(golden):
    name, case = golden[0], cases(golden[0])[golden[1]]
    query, documents = content(case["query"]), small([content(d) for d in case["documents"]])
    with load(name, reuse=False, **options(case)) as plain:
        wanted = plain.score(query, documents)
    for reuse, budgets in ((Reuse(), [1, 300, 10**6]), (Reuse(memory=60_000), [300])):
        with load(name, reuse=reuse, **options(case)) as reranker:
            for budget in budgets:
                reranker._engine.budget = budget
                reranker.clear_cache()
                near(reranker.score(query, documents), wanted)  # cold
                near(reranker.score(query, documents), wanted)  # warm, or thrashing
                reranker.clear_cache()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RerankWarning)  # that not all are kept
                    reranker.warm(documents[::2])
                near(reranker.score(query, documents), wanted)  # half warm
                assert reranker.cache_info().bytes <= reuse.memory
            assert (reranker.cache_info().evictions > 0) <= (len(budgets) == 1)


@pytest.mark.parametrize(
    "options_", [{}, *slow({"joint": True}, {"instruction": "Be strict " * 9})]
)
def test_a_second_query_pays_for_its_own_tokens(work, options_):
    """An image query too, and a query that merges with the words before it."""
    documents = [content(d) for d in cases(M0)[1]["documents"]] + [Content(t) for t in TEXTS]
    documents.append(Content("both", [golden_image("0_56x56.png")]))
    queries = [
        Content("what is torque"),
        Content("\n\nodd"),
        Content("?"),
        Content(images=[golden_image("1_300x200.png")]),
        Content("in words", [golden_image("5_33x47.png")]),
    ]
    with load(M0, reuse=False, **options_) as plain:
        wanted = [plain.score(query, documents) for query in queries]
        (tail,) = plain._tokenizer.encode(["**Query**:\nwhat is torque"])
    with load(M0, **options_) as reranker:
        reranker.warm(documents)
        work.done()
        near(reranker.score(queries[0], documents), wanted[0])
        parts = len(documents) + ("joint" not in options_) - 1  # the text "both" and its image,
        parts += "joint" in options_  # which is one of the golden images as well
        assert work.done() == (0, parts * (len(tail) - 3 + 1))
        for query, scores in zip(queries, wanted, strict=True):
            near(reranker.score(query, documents), scores)


def test_an_odd_query_first_keeps_nothing_wrong(work):
    """A query that begins with a line break merges with the `:` before it."""
    with load(M0, reuse=False) as plain:
        wanted = plain.score("\n\nodd", TEXTS), plain.score("even", TEXTS)
    with load(M0) as reranker:
        near(reranker.score("\n\nodd", TEXTS), wanted[0])
        near(reranker.score("even", TEXTS), wanted[1])
        near(reranker.score("\n\nodd", TEXTS), wanted[0])


@pytest.mark.parametrize("states", ["exact", "int8"])
def test_states_in_one_block_as_on_a_gpu(states):
    """One padded kernel for all rows gives what row by row gives."""
    documents = [content(d) for d in cases(M0)[1]["documents"]] + [Content(t) for t in TEXTS]
    for query in ("what is torque", Content(images=[golden_image("1_300x200.png")])):
        with load(M0, reuse=Reuse(states=states)) as reranker:
            reranker.warm(documents)
            wanted = reranker.score(query, documents)
            reranker._engine.blocks = True
            near(reranker.score(query, documents), wanted)


def test_documents_that_imitate_the_template():
    """One document is another with the query after it: they share more than the document."""
    documents = ["x", "x\n**Query**:\nq", "x\n**Query**:\nqd\n**Query**:\nq"]
    with load(M0, reuse=False) as plain:
        wanted = plain.score("q", documents)
    for instruction in (None, "Be strict " * 9):
        with load(M0, reuse=False, instruction=instruction) as plain:
            wanted = plain.score("q", documents)
        with load(M0, instruction=instruction) as reranker:
            near(reranker.score("q", documents), wanted)
            near(reranker.score("q", documents), wanted)


def test_one_state_is_never_computed_twice_at_once(work):
    """Eight threads ask for the same documents: the first computes, the others find."""
    documents = [Content(images=[golden_image("1_300x200.png")]), *map(Content, TEXTS)]
    with load(M0) as reranker:
        barrier = threading.Barrier(8)

        def ask(i: int) -> list[float]:
            barrier.wait()
            return reranker.score(f"query {i % 2}", documents)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask, range(8)))
        for i in range(2, 8):
            near(found[i], found[i % 2])
        info = reranker.cache_info()
        assert work.images == 1
        assert info.misses == len(documents) + 1  # and the image's own
        assert info.hits == 7 * len(documents)


def test_int8_is_close_and_half_the_size():
    documents = [content(d) for case in cases(M0)[:2] for d in case["documents"]]
    with load(M0, reuse=Reuse(states="int8")) as small, load(M0) as exact:
        wanted = exact.score("q", documents)
        near(small.score("q", documents), wanted)  # cold: the states only pass by
        found = small.score("q", documents)
        assert found == pytest.approx(wanted, abs=0.02)
        assert found != wanted
        assert small.cache_info().bytes < exact.cache_info().bytes / 2


def test_without_room_it_still_works():
    with load(M0, reuse=Reuse(memory=0)) as reranker, load(M0, reuse=False) as plain:
        near(reranker.score("q", TEXTS), plain.score("q", TEXTS))
        near(reranker.score("q", TEXTS), plain.score("q", TEXTS))
        assert reranker.cache_info().entries == 0
