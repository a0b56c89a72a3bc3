"""llama.cpp: what it is sent, what its scores are, and documents that are too long for it.

The scores and error texts are recorded ones: withcatai/node-llama-cpp#617 (Qwen3-Reranker-0.6B),
mybigday/llama.rn#157 (bge-reranker-v2-m3), ggml-org/llama.cpp#25447 (no classifier head),
tools/server/server-context.cpp of 2026-10-01 and ggml-org/llama.cpp#11105 (too long).
"""

from __future__ import annotations

import dataclasses

import pytest
from calling import (
    FIGURE,
    body_sent,
    make,
    scores_of,
)

from mmrerank import (
    APIError,
    Content,
    RerankWarning,
)
from mmrerank.fusion import sigmoid
from mmrerank.testing import LocalRerankServer, Refusal
from mmrerank.testing.dialects import DIALECTS

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({}, ["x"], {"model": "llama.cpp", "query": "q", "documents": ["x"]}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("llamacpp", "q", documents, **options) == body


QWEN3 = [0.9971, 0.0072, 0.0000, 0.0000]
BGE = [3.0076, -3.2489, -10.9256, -10.9410]
QWEN_WORDS = {"vocab_type": 2, "n_vocab": 151669}
BGE_WORDS = {"vocab_type": 4, "n_vocab": 250002}


def recorded(raw, *, props=None, models=None, **options):
    """A server that returns these raw scores, with what it says of itself."""
    form = DIALECTS["llamacpp"]

    def write(rows, body):
        return {"results": [{"index": i, "relevance_score": raw[i]} for i, _ in rows]}

    facts = {
        path: fact for path, fact in (("/props", props), ("/v1/models", models)) if fact is not None
    }
    return LocalRerankServer(dialect=dataclasses.replace(form, write=write), facts=facts, **options)


def model_list(name, words):
    return {"object": "list", "data": [{"id": name, "aliases": [], "meta": words}]}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("props", "models"),
    [
        ({"model_path": "/models/Qwen3-Reranker-0.6B-Q8_0.gguf"}, None),
        ({"model_path": "/m/ggml.gguf", "model_alias": "qwen3_reranker"}, None),
        (None, model_list("ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF", QWEN_WORDS)),
        (None, model_list("zerank-2", QWEN_WORDS)),
        ({"model_path": 5}, {"data": [{"id": "x", "aliases": ["Qwen3-VL-Reranker-2B"]}]}),
    ],
)
def test_probabilities_of_qwen3_stay_as_they_are(props, models, mode):
    with recorded(QWEN3, props=props, models=models) as server, make("llamacpp", server) as made:
        assert scores_of(made, mode, "q", list("abcd")) == QWEN3
        assert server.lookups == ["/props", "/v1/models"]


@pytest.mark.parametrize(
    ("props", "models"),
    [
        ({"model_path": "/models/bge-reranker-v2-m3-Q4_K_M.gguf"}, model_list("bge", BGE_WORDS)),
        (None, None),
        ({"model_path": "reranker.gguf"}, {"data": "odd"}),
        ([], {"data": [[]]}),
        ({}, {"data": [{"meta": {"vocab_type": 2, "n_vocab": "many"}}]}),
    ],
)
def test_logits_of_others_become_probabilities(props, models):
    with recorded(BGE, props=props, models=models) as server, make("llamacpp", server) as made:
        assert made.score("q", list("abcd")) == pytest.approx(list(map(sigmoid, BGE)))


@pytest.mark.parametrize(("raw", "scores"), [(QWEN3, QWEN3), (BGE, list(map(sigmoid, BGE)))])
def test_qwens_vocabulary_under_another_name_is_judged_by_the_first_answer(raw, scores):
    models = model_list("reranker", QWEN_WORDS)
    with recorded(raw, models=models) as server, make("llamacpp", server) as made:
        with pytest.warns(RerankWarning, match="Pass scale="):
            assert made.score("q", list("abcd")) == pytest.approx(scores)
        assert made.score("q", ["another"]) == pytest.approx(scores[:1])  # decided, and not again


@pytest.mark.parametrize(("scale", "scores"), [("probability", [0.25]), ("logit", [sigmoid(0.25)])])
def test_what_is_said_comes_before_what_the_server_says(scale, scores):
    props = {"model_path": "qwen3-reranker.gguf" if scale == "logit" else "bge.gguf"}
    with recorded([0.25], props=props) as server, make("llamacpp", server, scale=scale) as made:
        assert made.score("q", ["x"]) == scores
        assert server.lookups == []


def test_a_qwen3_file_without_its_head_is_told():
    props = {"model_path": "Qwen3-Reranker-4B.Q4_K_M.gguf"}
    with (
        recorded([1e-20, 1e-28], props=props) as server,
        make("llamacpp", server) as made,
        pytest.warns(RerankWarning, match="classifier head"),
    ):
        made.score("q", ["x", "y"])


def test_a_document_that_the_server_could_not_score_is_told():
    with (
        recorded([3.0, -1e6]) as server,
        make("llamacpp", server) as made,
        pytest.warns(RerankWarning, match="could not score 1 documents"),
    ):
        assert made.score("q", ["x", "y"]) == pytest.approx([sigmoid(3.0), 0.0])


BATCH = "input ({n} tokens) is too large to process. increase the physical batch size (current batch size: {most})"  # fmt: skip
CONTEXT = "request ({n} tokens) exceeds the available context size ({most} tokens), try increasing it"  # fmt: skip
LARGER = "input ({n} tokens) is larger than the max context size ({most} tokens). skipping"


class Short(LocalRerankServer):
    """Refuses prompts of more than 512 tokens, one a word here, as llama.cpp does."""

    status, text, most = 500, BATCH, 512

    def _scores(self, endpoint, body, fault):
        lengths = [len(f"{body['query']} {one}".split()) for one in body["documents"]]
        if too_long := [n for n in lengths if n > self.most]:
            message = self.text.format(n=too_long[0], most=self.most)
            return self._error(self.status, "server_error", message)
        return super()._scores(endpoint, body, fault)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(("status", "text"), [(500, BATCH), (400, CONTEXT), (400, LARGER)])
def test_a_document_that_is_too_long_is_cut_and_the_others_are_scored(status, text, mode):
    usages = []
    documents = ["turbine", "turbine " * 3000, "else", "é à " * 900]
    with Short(dialect="llamacpp") as server, make("llamacpp", server) as made:
        server.status, server.text = status, text
        made.on_usage = usages.append
        with pytest.warns(RerankWarning, match="longer than the service takes were cut: 2"):
            scores = scores_of(made, mode, "turbine torque", documents)
        assert scores == pytest.approx([0.5, 0.5, 0.0, 0.0], abs=1e-6)
        assert len(server.requests) <= 12
        (kept,) = [
            one["documents"][0] for one in server.requests if one["documents"][0][:9] == "turbine t"
        ][-1:]
    assert len(kept.split()) > 400  # as much as fits
    assert usages[0].truncated == 2
    assert usages[0].retries == 0


def test_a_query_that_is_too_long_is_the_servers_error_without_retries():
    with Short(dialect="llamacpp") as server, make("llamacpp", server) as made:
        with pytest.raises(APIError, match="too large to process"):
            made.score("turbine " * 600, ["turbine"])
        assert len(server.requests) <= 2


def test_an_older_server_that_names_no_numbers_is_sent_half():
    message = "input is too large to process. increase the physical batch size"
    faults = [Refusal(500, message=message)]
    with LocalRerankServer(dialect="llamacpp", faults=faults) as server:
        with make("llamacpp", server) as made, pytest.warns(RerankWarning, match="were cut"):
            made.score("q", ["x" * 1000])
        assert [len(one["documents"][0]) for one in server.requests] == [1000, 500]


def test_what_a_document_scores_does_not_depend_on_the_others_that_are_cut():
    long, dense = "turbine and more " * 700, "é à " * 900
    with Short(dialect="llamacpp") as server, make("llamacpp", server) as made:
        with pytest.warns(RerankWarning, match="were cut"):
            made.score("q", [long])
        alone = server.requests[-1]["documents"][0]
        with pytest.warns(RerankWarning, match="were cut"):
            made.score("q", [dense, "short", long, dense + "!"])
    assert [alone] in [one["documents"] for one in server.requests[3:]]


def test_another_failure_is_tried_again():
    with LocalRerankServer(dialect="llamacpp", faults=[500]) as server:
        with make("llamacpp", server) as made:
            made.score("q", ["x"])
        assert len(server.requests) == 2


def test_logits_become_probabilities():
    with (
        LocalRerankServer(lambda query, item: 0.75, dialect="llamacpp") as server,
        make("llamacpp", server) as reranker,
    ):
        assert reranker.score("q", ["x"]) == [pytest.approx(0.75)]
