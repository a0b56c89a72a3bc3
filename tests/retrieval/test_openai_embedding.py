"""OpenAI's embeddings: what the real client sends, and what it makes of odd answers."""

from __future__ import annotations

import pytest
from serving import SERVICES

from mmrerank.errors import (
    AuthenticationError,
    InvalidInputError,
    InvalidResponseError,
    UnsupportedModalityError,
)
from mmrerank.retrieval.openai_embedding import OpenAIEmbedder
from mmrerank.types import Content, Image

OPENAI = SERVICES["openai"]


@pytest.mark.parametrize("form", ["base64", "float"])
def test_the_request_is_the_services(form):
    options = {"dimensions": 8, "encoding_format": form, "batch_size": 2}
    with OPENAI.running(options=options) as (server, embedder):
        embedder.embed_texts(["b bb", "a", "", "ccc"])
    assert server.requests == [
        {"model": "m", "input": ["a", "."], "dimensions": 8, "encoding_format": form},
        {"model": "m", "input": ["ccc", "b bb"], "dimensions": 8, "encoding_format": form},
    ]


def test_both_forms_are_the_same_vectors():
    found = []
    for form in ("base64", "float"):
        with OPENAI.running(options={"encoding_format": form}) as (_, embedder):
            found.append(embedder.embed_texts(["a red pump"])[0])
    assert found[0] == pytest.approx(found[1], abs=1e-7)
    with pytest.raises(InvalidInputError, match="encoding_format"):
        OpenAIEmbedder("m", encoding_format="int8", api_key="k")


@pytest.mark.parametrize("form", ["base64", "float"])
@pytest.mark.parametrize("fault", ["nan", "huge", "null", "short", "missing", "truncated", "deep"])
def test_each_fault_in_each_form(form, fault):
    options = {"encoding_format": form, "max_retries": 0}
    with (
        OPENAI.running(faults=[fault], options=options) as (_, embedder),
        pytest.raises(InvalidResponseError),
    ):
        embedder.embed_texts(["a red pump", "snow"])


def test_prefixes_precede_texts_and_queries():
    options = {"query_prefix": "search_query: ", "document_prefix": "search_document: "}
    with OPENAI.running(options=options) as (server, embedder):
        embedder.embed_texts(["a pump"])
        embedder.embed_query("pump?")
    assert server.embedded == [["search_document: a pump"], ["search_query: pump?"]]


def test_it_embeds_texts_only():
    with OPENAI.running() as (_, embedder):
        with pytest.raises(UnsupportedModalityError):
            embedder.embed_images([Image.from_bytes(b"x")])
        with pytest.raises(UnsupportedModalityError):
            embedder.embed_query(Content("q", [Image.from_bytes(b"x")]))


def test_a_model_that_the_server_lacks():
    with (
        OPENAI.running(faults=[404]) as (_, embedder),
        pytest.raises(InvalidInputError, match="no such model"),
    ):
        embedder.embed_texts(["a"])


def test_openai_itself_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        OpenAIEmbedder()


def test_a_server_without_a_key():
    with OPENAI.running(needs_key=False, options={"api_key": ""}) as (_, embedder):
        assert embedder.embed_texts(["a"])
