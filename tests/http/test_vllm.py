"""vLLM: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    IMAGE_PART,
    QWEN,
    body_sent,
)
from helpers import png

from mmrerank import (
    Content,
    Image,
    InvalidInputError,
    Modalities,
    VLLMReranker,
)

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({}, [BOTH], {"model": "jinaai/jina-reranker-m0", "query": "q", "queries": "q", "documents": ["a chunk", {"content": [IMAGE_PART]}]}),
    ({"api": "rerank"}, ["x"], {"model": "jinaai/jina-reranker-m0", "query": "q", "documents": ["x"]}),
    ({"model": QWEN, "instruction": "i"}, [BOTH], {"model": QWEN, "query": "q", "queries": "q", "documents": [{"content": [IMAGE_PART, {"type": "text", "text": "a chunk"}]}], "instruction": "i"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("vllm", "q", documents, **options) == body


def test_an_image_query_is_sent_as_the_service_reads_it():
    body = body_sent("vllm", Content(images=[FIGURE]), ["x"])
    assert body["query"] == body["queries"] == {"content": [IMAGE_PART]}


def test_the_modalities_of_an_unknown_model_can_be_given():
    assert not VLLMReranker("some/reranker").modalities.image
    assert VLLMReranker("some/reranker", modalities=Modalities(image=True)).modalities.image


def test_several_images_go_in_one_document_where_the_model_reads_them():
    other = Image.from_bytes(png("torque"))
    body = body_sent("vllm", "q", [Content("t", [FIGURE, other])], model=QWEN)
    kinds = [part["type"] for part in body["documents"][0]["content"]]
    assert kinds == ["image_url", "image_url", "text"]


def test_an_unknown_api_is_refused():
    with pytest.raises(InvalidInputError, match="'score' or 'rerank'"):
        VLLMReranker(api="chat")
