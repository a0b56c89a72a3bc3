"""NVIDIA's NIM: what it is sent, and what is its own."""

from __future__ import annotations

import pytest
from calling import (
    FIGURE,
    URI,
    body_sent,
    make,
)

from mmrerank import (
    Content,
    Image,
    ImageError,
    NVIDIAReranker,
)
from mmrerank.testing import LocalRerankServer

BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ({}, [BOTH, Content(images=[FIGURE]), "x"], {"model": "nvidia/llama-nemotron-rerank-vl-1b-v2", "query": {"text": "q"}, "passages": [{"text": "a chunk", "image": URI}, {"image": URI}, {"text": "x"}], "truncate": "END"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(options, documents, body):
    assert body_sent("nvidia", "q", documents, **options) == body


def test_logits_become_probabilities():
    with (
        LocalRerankServer(lambda query, item: 0.75, dialect="nvidia") as server,
        make("nvidia", server) as reranker,
    ):
        assert reranker.score("q", ["x"]) == [pytest.approx(0.75)]


def test_an_image_url_goes_to_nvidia_only_as_an_image():
    document = Content(images=[Image.from_url("https://example.org/a.png?token=hidden")])
    with pytest.raises(ImageError, match="fetch it first") as caught:
        NVIDIAReranker(base_url="http://127.0.0.1:1").score("q", [document])
    assert "hidden" not in str(caught.value)
