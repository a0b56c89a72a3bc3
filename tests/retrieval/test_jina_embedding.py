"""Jina's embeddings API: what it is sent."""

from __future__ import annotations

import pytest
from serving import FIGURE, SERVICES

from mmrerank.errors import APIError, AuthenticationError, ImageError, UnsupportedModalityError
from mmrerank.retrieval.jina_embedding import JinaEmbedder
from mmrerank.types import Content, Image

JINA = SERVICES["jina"]


def bodies(call, **options):
    """The bodies that a call of an embedder sends, with images cut short."""
    with JINA.running(options=options) as (server, embedder):
        call(embedder)
    assert server.ignored == []
    for body in server.requests:
        body["input"] = [{name: value[:22] for name, value in one.items()} for one in body["input"]]
    return server.requests


def test_texts_and_queries_have_tasks_of_their_own():
    def call(embedder):
        embedder.embed_texts(["a pump"])
        embedder.embed_query("pump?")

    document, query = bodies(call, model="jina-embeddings-v4", dimensions=64)
    assert document == {
        "model": "jina-embeddings-v4",
        "input": [{"text": "a pump"}],
        "embedding_type": "float",
        "task": "retrieval.passage",
        "dimensions": 64,
    }
    assert query == {**document, "input": [{"text": "pump?"}], "task": "retrieval.query"}


def test_clip_knows_a_task_for_queries_only():
    def call(embedder):
        embedder.embed_texts(["a pump"])
        embedder.embed_query("pump?")

    document, query = bodies(call, model="jina-clip-v2")
    assert "task" not in document
    assert query["task"] == "retrieval.query"


def test_tasks_may_be_others():
    options = {"document_task": "text-matching", "query_task": "", "truncate": True}

    def call(embedder):
        embedder.embed_texts(["a pump"])
        embedder.embed_query("pump?")

    document, query = bodies(call, **options)
    assert document["task"] == "text-matching"
    assert document["truncate"] is True
    assert "task" not in query


def test_images_are_sent_as_data():
    def call(embedder):
        embedder.embed_images([FIGURE])
        embedder.embed_query(Content(images=[FIGURE]))

    document, query = bodies(call, model="jina-embeddings-v4")
    assert document["input"] == query["input"] == [{"image": "data:image/png;base64,"}]
    assert document["task"] == "retrieval.passage"


def test_equal_images_find_each_other():
    with JINA.running(options={"model": "jina-clip-v2"}) as (_, embedder):
        assert embedder.embed_images([FIGURE]) == [embedder.embed_query(Content(images=[FIGURE]))]


def test_what_a_model_does_not_read_is_not_sent():
    with JINA.running() as (server, _):
        where = {"base_url": server.url, "api_key": server.api_key}
        with pytest.raises(UnsupportedModalityError):
            JinaEmbedder("jina-embeddings-v3", **where).embed_images([FIGURE])
        with pytest.raises(UnsupportedModalityError):
            JinaEmbedder("jina-embeddings-v4", **where).embed_query(Content("both", [FIGURE]))
        assert server.requests == []


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with JINA.running(options={"model": "jina-clip-v2"}) as (_, embedder):
        for image in (
            Image.from_path(tmp_path / "broken.png"),
            Image.from_path(tmp_path / "no.png"),
        ):
            with pytest.raises(ImageError, match=str(image.path)):
                embedder.embed_images([FIGURE, image])
        with pytest.raises(ImageError):
            embedder.embed_images([Image.from_url("https://example.org/a.png")])


def test_images_are_split_among_requests():
    from calling import figures

    with JINA.running(options={"model": "jina-clip-v2"}) as (server, embedder):
        assert len(embedder.embed_images(figures(20))) == 20
    assert sorted(len(body["input"]) for body in server.requests) == [4, 4, 4, 4, 4]


def test_a_key_is_needed(monkeypatch):
    monkeypatch.delenv("JINA_API_KEY", raising=False)
    monkeypatch.delenv("JINAAI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="JINA_API_KEY"):
        JinaEmbedder()


def test_a_refusal_says_what_the_service_said():
    with (
        JINA.running(options={"query_task": "nonsense"}) as (_, embedder),
        pytest.raises(APIError, match="task must be one of") as caught,
    ):
        embedder.embed_query("q")
    assert caught.value.status_code == 422
