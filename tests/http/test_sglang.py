"""SGLang: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    IMAGE_PART,
    QWEN,
    body_sent,
    make,
)
from server_classes import SGLang057, SGLang058

from mmrerank import (
    Content,
    Modalities,
    RerankWarning,
    SGLangReranker,
    UnsupportedModalityError,
)
from mmrerank.fusion import sigmoid
from mmrerank.testing import LocalRerankServer

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({"instruction": "i"}, [BOTH, "x"], {"model": QWEN, "query": "q", "documents": [[IMAGE_PART, {"type": "text", "text": "a chunk"}], "x"], "return_documents": False, "instruct": "i"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("sglang", "q", documents, **options) == body


def test_an_image_query_is_sent_as_the_service_reads_it():
    body = body_sent("sglang", Content(images=[FIGURE]), ["x"])
    assert body["query"] == [IMAGE_PART]


def test_the_modalities_of_an_unknown_model_can_be_given():
    assert not SGLangReranker("some/reranker").modalities.image
    assert SGLangReranker("some/reranker", modalities=Modalities(image=True)).modalities.image


def asked(raw, facts, model="BAAI/bge-reranker-v2-m3", documents=("x",), **options):
    """The scores where the server returns `raw`, what it was sent, and what was looked up."""
    facts = {"/server_info": {}, **facts}
    with (
        LocalRerankServer(lambda query, item: raw, dialect="sglang", facts=facts) as server,
        make("sglang", server, model=model, **options) as made,
    ):
        return made.score("q", list(documents)), server.requests[-1], server.lookups


@pytest.mark.parametrize(
    ("facts", "model", "scale"),
    [
        ({"/model_info": {"is_generation": False}}, "BAAI/bge-reranker-v2-m3", "logit"),
        ({"/get_model_info": {"is_generation": False}}, "BAAI/bge-reranker-v2-m3", "logit"),
        ({"/model_info": {"is_generation": True}}, "/models/reranker", "probability"),
        ({"/model_info": {"is_generation": False}}, "Qwen/Qwen3-Reranker-4B", "logit"),
        ({}, "BAAI/bge-reranker-v2-m3", "logit"),
        ({}, "Qwen/Qwen3-Reranker-4B", "probability"),
        ({"/model_info": {"is_generation": "?"}}, "Qwen/Qwen3-Reranker-4B", "probability"),
    ],
)
def test_cross_encoders_give_logits_and_generating_models_probabilities(facts, model, scale):
    scores, _, _ = asked(0.25, facts, model)
    assert scores == [sigmoid(0.25) if scale == "logit" else 0.25]


def test_a_cross_encoder_with_a_sigmoid_of_its_own_can_be_said():
    facts = {"/model_info": {"is_generation": False}}
    assert asked(0.25, facts, scale="probability")[0] == [0.25]


def test_requests_are_those_of_the_servers_classes():
    both = Content("t", [FIGURE])
    new = {"/server_info": {"version": "0.5.23"}}
    old = {"/server_info": {"version": "0.5.7"}}
    _, body, _ = asked(0.5, new, QWEN, [both, "x"], instruction="i")
    assert SGLang058.model_validate(body).instruct == "i"
    SGLang057.model_validate(asked(0.5, old, documents=["x"])[1])


def test_an_old_server_is_told_of_by_version():
    facts = {"/server_info": {"version": "0.5.7"}}
    with pytest.raises(UnsupportedModalityError, match=r"0\.5\.8 or later.*0\.5\.7"):
        asked(0.5, facts, QWEN, [Content("t", [FIGURE])])
    with pytest.warns(RerankWarning, match=r"0\.5\.7 ignores the instruction"):
        asked(0.5, facts, QWEN, instruction="i")
