"""text-embeddings-inference: what it is sent, and what is its own."""

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
    ({}, ["x"], {"query": "q", "texts": ["x"], "truncate": True, "raw_scores": False, "return_text": False}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("tei", "q", documents, **options) == body
