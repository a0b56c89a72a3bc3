"""llama.cpp: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    body_sent,
    make,
)

from mmrerank import (
    Content,
)
from mmrerank.testing import LocalRerankServer

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({}, ["x"], {"model": "llama.cpp", "query": "q", "documents": ["x"]}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("llamacpp", "q", documents, **options) == body


def test_logits_become_probabilities():
    with (
        LocalRerankServer(lambda query, item: 0.75, dialect="llamacpp") as server,
        make("llamacpp", server) as reranker,
    ):
        assert reranker.score("q", ["x"]) == [pytest.approx(0.75)]
