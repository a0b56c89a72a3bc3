"""DashScope: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    URI,
    body_sent,
)

from mmrerank import (
    Content,
    DashScopeReranker,
    InvalidInputError,
)

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({"instruction": "i"}, [BOTH], {"model": "qwen3-vl-rerank", "input": {"query": {"text": "q"}, "documents": [{"text": "a chunk"}, {"image": URI}]}, "parameters": {"return_documents": False, "instruct": "i"}}),
    ({"model": "gte-rerank-v2"}, ["x"], {"model": "gte-rerank-v2", "input": {"query": "q", "documents": ["x"]}, "parameters": {"return_documents": False}}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("dashscope", "q", documents, **options) == body


def test_an_image_query_is_sent_as_the_service_reads_it():
    body = body_sent("dashscope", Content(images=[FIGURE]), ["x"])
    assert body["input"]["query"] == {"image": URI}


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://dashscope.aliyuncs.com"),
        ({"region": "ap-southeast-1"}, "https://dashscope-intl.aliyuncs.com"),
        ({"region": "eu-central-1", "workspace_id": "ws-1"}, "https://ws-1.eu-central-1.maas.aliyuncs.com"),
        ({"region": "eu-central-1", "base_url": "https://example.org"}, "https://example.org"),
    ],
)  # fmt: skip
def test_a_region_has_an_address(options, address):
    assert DashScopeReranker(api_key="k", **options)._connection.base_url == address


@pytest.mark.parametrize(
    "options",
    [
        {"region": "eu-central-1"},
        {"region": "evil.example/", "workspace_id": "w"},
        {"workspace_id": "evil.example#"},
        {"workspace_id": "a@b"},
    ],
)
def test_a_region_or_workspace_that_cannot_be_is_refused(options):
    with pytest.raises(InvalidInputError, match=r"region|workspace_id"):
        DashScopeReranker(api_key="k", **options)


def test_limits_are_the_models():
    limits = {
        model: DashScopeReranker(model, api_key="k").limits
        for model in ("qwen3-vl-rerank", "qwen3-rerank", "gte-rerank-v2", "qwen3.7-text-rerank")
    }
    assert [one.documents for one in limits.values()] == [100, 500, 500, 500]
    assert [one.tokens for one in limits.values()] == [120_000, 120_000, 30_000, 120_000]
