"""The dialects of the test server: one a service, each refusing what its service would not read."""

from __future__ import annotations

import math

import pytest

from mmrerank.testing.dialects import DIALECTS
from mmrerank.testing.dialects.forms import RefusedError, logit, read_chat_parts

TEXT_BODIES = {
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
def test_a_dialect_refuses_fields_that_its_service_does_not_know(name):
    body = {**TEXT_BODIES.get(name, {"query": "q", "documents": ["x"]}), "colour": "red"}
    with pytest.raises(RefusedError, match="colour"):
        DIALECTS[name].read(body)


@pytest.mark.parametrize("name", DIALECTS)
def test_an_error_has_its_message(name):
    assert "told" in str(DIALECTS[name].error(400, "CODE", "told"))
    assert "told" in str(DIALECTS[name].error(422, "CODE", "told"))


def test_nvidia_reads_no_urls():
    passage = {"image": "https://example.org/a.png"}
    with pytest.raises(RefusedError, match="data URLs"):
        DIALECTS["nvidia"].read({"query": {"text": "q"}, "passages": [passage]})


def test_chat_parts_become_one_content():
    content = read_chat_parts([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    assert content.text == "a\nb"


def test_logits_are_finite_and_nan_stays():
    assert logit(0.5) == 0
    assert logit(0.75) == pytest.approx(math.log(3))
    assert math.isfinite(logit(0.0))
    assert math.isfinite(logit(1.0))
    assert math.isnan(logit(math.nan))
