"""A vLLM server's multimodal embeddings: what it is sent."""

from __future__ import annotations

import pytest
from serving import FIGURE, SERVICES, cosine

from mmrerank.errors import UnsupportedModalityError
from mmrerank.types import Content

VLLM = SERVICES["vllm"]
QWEN = "Qwen/Qwen3-VL-Embedding-2B"


def said(call, **options):
    """The body of the one request that a call sends, with images cut short."""
    with VLLM.running(options=options) as (server, embedder):
        call(embedder)
    assert server.ignored == []
    (body,) = server.requests
    for message in body["messages"]:
        for part in message["content"]:
            if part["type"] == "image_url":
                part["image_url"]["url"] = part["image_url"]["url"][:22]
    return body


def text(value):
    return {"type": "text", "text": value}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}


def test_qwen_gets_the_prompt_that_it_was_trained_with():
    body = said(lambda e: e.embed_query(Content("pump?", [FIGURE])), model=QWEN)
    assert body == {
        "model": QWEN,
        "encoding_format": "float",
        "continue_final_message": True,
        "add_special_tokens": True,
        "messages": [
            {
                "role": "system",
                "content": [text("Retrieve images or text relevant to the user's query.")],
            },
            {"role": "user", "content": [IMAGE, text("pump?")]},
            {"role": "assistant", "content": [text("")]},
        ],
    }


def test_a_document_of_qwen_has_another_instruction():
    body = said(lambda e: e.embed_texts([""]), model=QWEN)
    assert body["messages"][0]["content"] == [text("Represent the user's input.")]
    assert body["messages"][1]["content"] == [text("NULL")]


def test_another_model_gets_the_user_message_alone():
    body = said(lambda e: e.embed_images([FIGURE]), model="openai/clip-vit-base-patch32")
    assert body["messages"] == [{"role": "user", "content": [IMAGE]}]
    assert "continue_final_message" not in body
    body = said(lambda e: e.embed_query("q"), model="some/model", instruction="Find it")
    assert body["messages"][0] == {"role": "system", "content": [text("Find it")]}


def test_only_qwen_embeds_text_and_image_together_unless_told():
    with VLLM.running() as (_, embedder), pytest.raises(UnsupportedModalityError):
        embedder.embed_query(Content("both", [FIGURE]))
    both = frozenset({"text", "image", "text_and_image"})
    with VLLM.running(options={"modalities": both}) as (_, embedder):
        assert embedder.embed_query(Content("both", [FIGURE]))


def test_dimensions_are_cut_here():
    with VLLM.running(options={"dimensions": 16}) as (server, embedder):
        (short,) = embedder.embed_texts(["turbine torque pump snow"])
        assert "dimensions" not in server.requests[0]
    with VLLM.running() as (_, embedder):
        (whole,) = embedder.embed_texts(["turbine torque pump snow"])
    assert len(short) == 16
    if any(whole[:16]):
        assert cosine(short, whole[:16]) > 0
