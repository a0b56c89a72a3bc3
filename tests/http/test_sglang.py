"""SGLang: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    IMAGE_PART,
    QWEN,
    body_sent,
)

from mmrerank import (
    Content,
    Modalities,
    SGLangReranker,
)

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
