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
