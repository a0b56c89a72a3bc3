"""Cohere: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    body_sent,
)

from mmrerank import (
    Content,
)

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({"max_tokens_per_doc": 9}, ["x"], {"model": "rerank-v4.0-pro", "query": "q", "documents": ["x"], "max_tokens_per_doc": 9}),
    ({}, ["x"], {"model": "rerank-v4.0-pro", "query": "q", "documents": ["x"]}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("cohere", "q", documents, **options) == body
