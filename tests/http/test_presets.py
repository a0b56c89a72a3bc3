"""Each preset: what it is sent, and the answer of its documentation or its client's own tests."""

from __future__ import annotations

import pytest
from calling import FIGURE, URI, make, shortened

from mmrerank import Content, RerankAPIReranker, catalog
from mmrerank.fusion import sigmoid
from mmrerank.http.presets import PRESETS
from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS
from mmrerank.testing.dialects.forms import Dialect, message_under_error

BOTH = Content("a chunk", [FIGURE])
IMAGE = Content(images=[FIGURE])
PART = {"type": "image_url", "image_url": {"url": URI}}
TWO = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]
SCORES = {"results": TWO}
OBJECTS = [{**row, "document": {"text": "x"}} for row in TWO]

CASES = {
    "openrouter": (
        [BOTH, "x"],
        "/v1/rerank",
        {"query": "q", "documents": [{"image": URI, "text": "a chunk"}, "x"]},
        {"id": "gen-rerank-1", "model": "m", "results": OBJECTS, "usage": {"total_tokens": 7}},
    ),
    "nvidia-api": (
        [IMAGE, "x"],
        "/v1/retrieval/nvidia/llama-nemotron-rerank-vl-1b-v2/reranking",
        {"query": {"text": "q"}, "passages": [{"image": URI}, {"text": "x"}], "truncate": "END"},
        {
            "rankings": [{"index": 1, "logit": 0.75}, {"index": 0, "logit": 0.25}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        },
    ),
    "mittwald": (
        [BOTH, "x"],
        "/v1/rerank",
        {
            "query": "q",
            "documents": [{"content": [PART, {"type": "text", "text": "a chunk"}]}, "x"],
        },
        {**SCORES, "usage": {"total_tokens": 7}},
    ),
    "ionos": (
        [IMAGE, "x"],
        "/v1/rerank",
        {"query": "q", "documents": [{"content": [PART]}, "x"]},
        {**SCORES, "usage": {"total_tokens": 7}},
    ),
    "siliconflow": (
        [IMAGE, "x"],
        "/v1/rerank",
        {"query": "q", "documents": [{"image": URI}, "x"], "return_documents": False},
        {"id": "1", **SCORES, "meta": {}},
    ),
    "xinference": (
        [IMAGE, "x"],
        "/v1/rerank",
        {"query": "q", "documents": [{"image": URI}, "x"], "return_documents": False},
        {"id": "1", **SCORES, "meta": {"tokens": None, "warnings": None}},
    ),
    "tensorrt-llm": (
        ["y", "x"],
        "/v1/rerank",
        {"query": "q", "documents": ["y", "x"], "return_documents": False},
        {"id": "rerank-1", **SCORES, "usage": {"prompt_tokens": 7, "total_tokens": 7}},
    ),
    "mixedbread": (
        ["y", "x"],
        "/v1/reranking",
        {"query": "q", "input": ["y", "x"], "top_k": 2, "return_input": False},
        {
            "data": [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25, "input": None}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        },
    ),
    "voyage": (
        ["y", "x"],
        "/v1/rerank",
        {"query": "q", "documents": ["y", "x"], "return_documents": False, "truncation": True},
        {"object": "list", "data": TWO, "usage": {"total_tokens": 7}},
    ),
    "zeroentropy": (
        ["y", "x"],
        "/v1/models/rerank",
        {"query": "q", "documents": ["y", "x"]},
        {**SCORES, "total_bytes": 9, "total_tokens": 7},
    ),
    "together": (
        ["y", "x"],
        "/v1/rerank",
        {"query": "q", "documents": ["y", "x"], "return_documents": False},
        {"object": "rerank", **SCORES, "usage": {"total_tokens": 7}},
    ),
}
"""By preset: documents, the path, the body without the model, and an answer."""


def answering(path, answer):
    """A server that has this path and gives this answer."""
    read = lambda body: (Content("q"), [Content("x")])  # noqa: E731
    form = Dialect((path,), read, lambda rows, body: answer, message_under_error)
    return LocalRerankServer(dialect=form)


@pytest.mark.parametrize("name", CASES)
def test_a_preset_speaks_as_its_service(name):
    documents, path, body, answer = CASES[name]
    usages = []
    with answering(path, answer) as server, make(name, server, on_usage=usages.append) as made:
        scores = made.score("q", documents)
    (sent,) = server.requests
    assert shortened(sent) == {"model": PRESETS[name].model, **body}
    expected = (
        [0.25, 0.75] if PRESETS[name].scale == "probability" else [sigmoid(0.25), sigmoid(0.75)]
    )
    assert scores == expected
    assert usages[0].total_tokens == (None if name in ("siliconflow", "xinference") else 7)


def test_every_preset_is_in_the_catalog_and_tested():
    rows = {row.preset: row for row in catalog.RERANKERS if row.preset is not None}
    assert set(rows) == set(PRESETS) == set(CASES)
    for name, row in rows.items():
        assert row.name == name
        made = RerankAPIReranker(preset=name, api_key="k")
        assert (row.reads == "text and images") == made.modalities.image


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_an_address_over_https_or_this_machine_and_its_check(name):
    preset = PRESETS[name]
    assert preset.base_url.startswith("https://" if preset.needs_key else "http://localhost")
    assert preset.checked != "nothing"
    assert all(key.endswith("_API_KEY") for key in preset.key_names)


@pytest.mark.parametrize(
    ("name", "model", "taken"),
    [
        ("mittwald", None, True),
        ("tensorrt-llm", None, True),
        ("siliconflow", "Qwen/Qwen3-Reranker-8B", True),
        ("siliconflow", None, False),
        ("voyage", None, False),
    ],
)
def test_an_instruction_goes_where_the_model_takes_one(name, model, taken):
    made = RerankAPIReranker(model, preset=name, api_key="k")
    assert made.takes_instruction == taken


@pytest.mark.parametrize("name", sorted(set(PRESETS) & set(DIALECTS)))
def test_a_preset_is_understood_by_its_services_dialect(name):
    documents = ["turbine", "else", *([IMAGE] if PRESETS[name].image_models else [])]
    with LocalRerankServer(dialect=name) as server, make(name, server) as made:
        assert made.score("turbine", documents)[:2] == [1.0, 0.0]
        assert server.ignored == []
    assert len(server.requests) == 1
