"""Both adapters over HTTP rerankers: every service, its errors, documents kept in order."""

from __future__ import annotations

import pytest
from adapters.drivers import Item

from mmrerank import (
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidResponseError,
    JinaReranker,
    RateLimitError,
    RerankWarning,
)
from mmrerank.cli.options import make_reranker
from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS

TEXTS = ["nothing", "a turbine", "the torque of a turbine"]


@pytest.fixture
def texts(driver):
    return driver.make([Item(text, str(i), score=0.5) for i, text in enumerate(TEXTS)])


@pytest.mark.parametrize("name", list(DIALECTS))
def test_every_service_is_taken(any_way, texts, name):
    with (
        LocalRerankServer(dialect=name) as server,
        make_reranker(name, base_url=server.url, api_key=server.api_key) as reranker,
    ):
        results = any_way(any_way.rerank(reranker=reranker), texts)
    assert [result.text for result in results] == TEXTS[::-1]
    assert results[0].score == pytest.approx(1.0, abs=1e-6)
    assert "is_scored" not in results[0].metadata


def test_documents_left_in_their_order_are_marked(any_way, texts):
    with LocalRerankServer(faults=[400, None]) as server:
        options = {"base_url": server.url, "api_key": server.api_key, "on_error": "keep_order"}
        with make_reranker("jina", **options) as reranker:
            rerank = any_way.rerank(reranker=reranker)
            with pytest.warns(RerankWarning, match="not reranked"):
                kept = any_way(rerank, texts)
            assert [result.text for result in kept] == TEXTS
            assert all(result.metadata["is_scored"] is False for result in kept)
            assert not any("is_scored" in result.metadata for result in any_way(rerank, texts))


def test_text_and_images_of_one_document_reach_the_service_once(items, figures, any_way):
    twice = any_way.make(*items, Item(items[1].text, "again", items[1].metadata))
    with (
        LocalRerankServer() as server,
        JinaReranker(api_key=server.api_key, base_url=server.url) as reranker,
    ):
        results = any_way(any_way.rerank(reranker=reranker, image_root=figures), twice)
    (body,) = server.requests
    images = [item["image"] for item in body["documents"] if "image" in item]
    assert len(images) == 2
    assert all(image.startswith("data:image/png;base64,") for image in images)
    assert len(results) == 5
    scores = {result.id: result.score for result in results}
    assert scores["figure"] == scores["again"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (401, AuthenticationError),
        (429, RateLimitError),
        (500, APIError),
        ("timeout", APITimeoutError),
        ("truncated", InvalidResponseError),
        ("no_json", InvalidResponseError),
        ("missing", InvalidResponseError),
        ("foreign", InvalidResponseError),
        ("repeated", InvalidResponseError),
        ("nan", InvalidResponseError),
    ],
)
def test_errors_of_a_service_are_typed(documents, figures, any_way, fault, error):
    patience = 0.3 if fault == "timeout" else 20.0  # seconds: machines are busy at times
    with (
        LocalRerankServer(faults=[fault]) as server,
        JinaReranker(
            api_key=server.api_key, base_url=server.url, timeout=patience, max_retries=0
        ) as reranker,
        pytest.raises(error),
    ):
        any_way(any_way.rerank(reranker=reranker, image_root=figures), documents)
