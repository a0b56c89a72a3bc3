"""Jina: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    URI,
    body_sent,
)

from mmrerank import (
    AuthenticationError,
    Content,
    InvalidInputError,
    JinaReranker,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.testing import LocalRerankServer

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({}, [BOTH], {"model": "jina-reranker-m0", "query": "q", "documents": [{"text": "a chunk"}, {"image": URI}], "return_documents": False}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("jina", "q", documents, **options) == body


def test_an_image_query_is_sent_as_the_service_reads_it():
    body = body_sent("jina", Content(images=[FIGURE]), ["x"])
    assert body["query"] == {"image": URI}


def test_blank_text_is_not_sent_and_scores_zero():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        assert reranker.score("turbine torque", ["", "  ", "turbine"])[:2] == [0.0, 0.0]
        assert len(server.requests[0]["documents"]) == 1
        assert reranker.score("turbine torque", ["", " "]) == [0.0, 0.0]
        assert len(server.requests) == 1


def test_equal_parts_are_sent_once():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        reranker.score("turbine torque", ["same", "same", Content("same", [FIGURE]), Content(images=[FIGURE])])  # fmt: skip
        assert len(server.requests[0]["documents"]) == 2


def test_large_calls_are_split_and_keep_their_order():
    documents = [f"turbine number {i}" if i % 3 else f"number {i}" for i in range(200)]
    with LocalRerankServer(latency=0.05) as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url, max_concurrency=2)
        scores = reranker.score("turbine torque", documents)
    assert len(server.requests) == 4
    assert server.most_at_once == 2
    assert [score > 0 for score in scores] == [bool(i % 3) for i in range(200)]


def test_a_listwise_model_is_never_split():
    with LocalRerankServer() as server:
        reranker = JinaReranker("jina-reranker-v3", api_key=server.api_key, base_url=server.url)
        reranker.score("turbine torque", [f"document {i}" for i in range(200)])
    assert reranker.listwise
    assert len(server.requests) == 1


def test_a_text_model_leaves_images_out_with_a_warning():
    with LocalRerankServer() as server:
        reranker = JinaReranker("jina-reranker-v3", api_key=server.api_key, base_url=server.url)
        with pytest.warns(RerankWarning, match="text-only"):
            reranker.score("turbine torque", [Content("beside", [FIGURE])])
        with pytest.raises(UnsupportedModalityError):
            reranker.score("x", [Content(images=[FIGURE])])
        with pytest.raises(UnsupportedModalityError):
            reranker.score(Content(images=[FIGURE]), ["x"])


def test_an_unknown_key_is_an_authentication_error():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key="wrong", base_url=server.url)
        with pytest.raises(AuthenticationError, match="AUTH_INVALID_API_KEY") as caught:
            reranker.score("turbine torque", [Content("beside", [FIGURE])])
        reranker.close()
    assert caught.value.status_code == 401


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("jina-reranker-m0-v1", "'jina-reranker-m0', which reads text and images"),
        ("jina-m0", "'jina-reranker-m0', which reads text and images"),
        ("jinaai/jina-reranker-m0", "'jina-reranker-m0', which reads text and images"),
        ("v2", "'jina-reranker-v2-base-multilingual', which reads text only"),
        ("jina-reranker-v2", "'jina-reranker-v2-base-multilingual', which reads text only"),
    ],
)
def test_an_unknown_model_is_used_with_a_warning_that_names_the_likely_one(model, meant):
    with pytest.warns(RerankWarning, match=f"Did you mean {meant}"):
        reranker = JinaReranker(model, api_key="k")
    assert reranker.model == model
    assert reranker.modalities.image == ("m0" in model)


def test_a_future_v3_is_listwise_too():
    with pytest.warns(RerankWarning, match="jina-reranker-v3.9"):
        assert JinaReranker("jina-reranker-v3.9", api_key="k").listwise


def test_a_model_is_a_name():
    with pytest.raises(InvalidInputError, match="model"):
        JinaReranker("", api_key="k")


def test_every_field_that_was_refused_is_reported():
    body = {"detail": "Validation error", "errors": [{"field": "query", "message": "too long"}]}
    facts = JinaReranker(api_key="k")._read_error(body)
    assert facts.message == "Validation error; query: too long"
