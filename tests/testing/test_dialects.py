"""The dialects of the test server: one a service, each refusing what its service would not read."""

from __future__ import annotations

import base64
import math

import httpx
import pytest
from helpers import png

from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS
from mmrerank.testing.dialects.forms import (
    RefusedError,
    UnknownFieldsError,
    logit,
    read_chat_parts,
)

TEXT_BODIES = {
    "mixedbread": {"query": "q", "input": ["x"]},
    "dashscope": {"input": {"query": "q", "documents": ["x"]}, "parameters": {}},
    "nvidia": {"query": {"text": "q"}, "passages": [{"text": "x"}]},
    "tei": {"query": "q", "texts": ["x"]},
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_reads_query_and_documents(name):
    query, items = DIALECTS[name].read(TEXT_BODIES.get(name, {"query": "q", "documents": ["x"]}))
    assert query.text == "q"
    assert [item.text for item in items] == ["x"]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_finds_fields_that_its_service_does_not_know(name):
    body = {**TEXT_BODIES.get(name, {"query": "q", "documents": ["x"]}), "colour": "red"}
    with pytest.raises(UnknownFieldsError, match="colour"):
        DIALECTS[name].read(body)


@pytest.mark.parametrize("name", DIALECTS)
def test_an_error_has_its_message(name):
    assert "told" in str(DIALECTS[name].error(400, "CODE", "told"))
    assert "told" in str(DIALECTS[name].error(422, "CODE", "told"))


def test_nvidia_reads_no_urls():
    passage = {"image": "https://example.org/a.png"}
    with pytest.raises(RefusedError, match="data URLs"):
        DIALECTS["nvidia"].read({"query": {"text": "q"}, "passages": [passage]})


QUERY = {"model": "m", "query": "turbine torque"}
TEXTS = ["a turbine", "else", "turbine torque"]
RIGHT = {2: 1.0, 0: 0.5, 1: 0.0}


def ask(dialect, path, body, **options):
    """The answer's JSON; the status must be 200."""
    with LocalRerankServer(dialect=dialect, **options) as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        answer = httpx.post(server.url + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.mark.parametrize(
    ("dialect", "path", "extra"),
    [
        ("jina", "/v1/rerank", {}),
        ("cohere", "/v2/rerank", {"max_tokens_per_doc": None}),
        ("cohere", "/v1/rerank", {}),
        ("dashscope", "/compatible-api/v1/reranks", {}),
        ("infinity", "/rerank", {}),
        ("vllm", "/rerank", {}),
        ("vllm", "/v1/rerank", {}),
    ],
)
def test_top_n_cuts_the_results(dialect, path, extra):
    answer = ask(dialect, path, {**QUERY, **extra, "documents": TEXTS, "top_n": 2})
    rows = [(row["index"], row["relevance_score"]) for row in answer["results"]]
    assert rows == [(2, 1.0), (0, 0.5)]


@pytest.mark.parametrize("top_n", [None, 5])
def test_all_results_come_where_top_n_asks_for_no_fewer(top_n):
    answer = ask("jina", "/v1/rerank", {**QUERY, "documents": TEXTS, "top_n": top_n})
    assert {row["index"]: row["relevance_score"] for row in answer["results"]} == RIGHT


def test_zero_is_all_for_vllm_and_an_error_for_others():
    body = {**QUERY, "documents": TEXTS, "top_n": 0}
    assert len(ask("vllm", "/rerank", body)["results"]) == 3
    with pytest.raises(AssertionError, match="positive integer"):
        ask("jina", "/v1/rerank", body)


def test_top_n_of_sglang_and_dashscope():
    rows = ask("sglang", "/v1/rerank", {"query": "turbine", "documents": TEXTS, "top_n": 1})
    assert [row["index"] for row in rows] == [0]
    path = "/api/v1/services/rerank/text-rerank/text-rerank"
    body = {"input": {"query": "torque", "documents": TEXTS}, "parameters": {"top_n": 1}}
    assert [row["index"] for row in ask("dashscope", path, body)["output"]["results"]] == [2]
    del body["parameters"]
    assert len(ask("dashscope", path, body)["output"]["results"]) == 3


@pytest.mark.parametrize(
    ("dialect", "path", "document"),
    [
        ("jina", "/v1/rerank", {"text": "x"}),
        ("cohere", "/v1/rerank", {"text": "x"}),
        ("infinity", "/rerank", "x"),
        ("vllm", "/rerank", {"text": "x", "multi_modal": None}),
        ("sglang", "/v1/rerank", "x"),
    ],
)
def test_documents_come_back_in_the_services_form(dialect, path, document):
    body = {**QUERY, "documents": ["x"], "return_documents": True}
    answer = ask(dialect, path, body)
    (row,) = answer if dialect == "sglang" else answer["results"]
    assert row["document"] == document


@pytest.mark.parametrize(
    ("dialect", "path", "wanted", "comes"),
    [
        ("jina", "/v1/rerank", {}, True),
        ("jina", "/v1/rerank", {"return_documents": False}, False),
        ("cohere", "/v1/rerank", {}, False),
        ("cohere", "/v2/rerank", {"return_documents": True}, False),
        ("infinity", "/rerank", {}, False),
        ("vllm", "/rerank", {}, True),
    ],
)
def test_what_a_service_does_without_return_documents(dialect, path, wanted, comes):
    (row,) = ask(dialect, path, {**QUERY, **wanted, "documents": ["x"]})["results"]
    assert ("document" in row) == comes


def test_teis_texts_and_raw_scores():
    body = {"query": "turbine", "texts": ["x", "turbine"], "return_text": True}
    rows = ask("tei", "/rerank", body)
    assert rows[0] == {"index": 1, "score": 1.0, "text": "turbine"}
    assert ask("llamacpp", "/rerank", body)[0]["text"] == "turbine"
    half = ask("tei", "/rerank", {**body, "raw_scores": True}, score_item=lambda q, i: 0.5)
    assert half[0]["score"] == 0


def test_jina_reads_images_as_urls_data_uris_and_base64():
    plain = base64.b64encode(png("a")).decode()
    images = ["https://example.org/a.png", f"data:image/png;base64,{plain}", plain]
    documents = [{"image": image} for image in images]
    answer = ask("jina", "/v1/rerank", {**QUERY, "documents": documents})
    scores = {row["index"]: row["relevance_score"] for row in answer["results"]}
    assert scores[1] == scores[2] != scores[0]
    assert answer["results"][0]["document"] in documents
    with pytest.raises(AssertionError, match="neither URL"):
        ask("jina", "/v1/rerank", {**QUERY, "documents": [{"image": "no image!"}]})


def test_a_broken_data_uri_is_refused():
    with pytest.raises(AssertionError, match="base64 is broken"):
        ask("jina", "/v1/rerank", {**QUERY, "documents": [{"image": "data:image/png;base64,!"}]})


def test_coheres_first_version_reads_objects_and_the_second_does_not():
    body = {**QUERY, "documents": [{"text": "turbine", "id": 7}]}
    (row,) = ask("cohere", "/v1/rerank", {**body, "return_documents": True})["results"]
    assert (row["relevance_score"], row["document"]) == (0.5, {"text": "turbine", "id": 7})
    with pytest.raises(AssertionError, match="must be a str"):
        ask("cohere", "/v2/rerank", body)
    with pytest.raises(AssertionError, match="or have a text"):
        ask("cohere", "/v1/rerank", {**QUERY, "documents": [{"title": "x"}]})


def test_nvidia_knows_no_other_fields():
    body = {"query": {"text": "q"}, "passages": [{"text": "x"}]}
    path = "/v1/retrieval/nvidia/llama-nemotron-rerank-vl-1b-v2/reranking"
    assert ask("nvidia", path, body)["rankings"]
    with pytest.raises(AssertionError, match="top_k"):
        ask("nvidia", path, {**body, "top_k": 1})


def test_chat_parts_become_one_content():
    content = read_chat_parts([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    assert content.text == "a\nb"


def test_logits_are_finite_and_nan_stays():
    assert logit(0.5) == 0
    assert logit(0.75) == pytest.approx(math.log(3))
    assert math.isfinite(logit(0.0))
    assert math.isfinite(logit(1.0))
    assert math.isnan(logit(math.nan))
