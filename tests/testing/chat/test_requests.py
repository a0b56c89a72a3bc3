"""What the chat server refuses, as the services do."""

from __future__ import annotations

import base64

import pytest
from helpers import image_file

from mmrerank.testing.chat.requests import read_chat, read_embeddings
from mmrerank.testing.dialects.forms import RefusedError

PNG = "data:image/png;base64," + base64.b64encode(image_file()).decode()
CLOSED = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def user(*parts, **more):
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}], **more}


def text(value="hello"):
    return {"type": "text", "text": value}


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def with_schema(schema, **more):
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}


def read(body, dialect="openai"):
    return read_chat(body, dialect, path="/v1/chat/completions", takes_images=True)[0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "the body: None is not of type 'object'"),
        ([], "the body"),
        ({"model": "m"}, "'messages' is a required property"),
        ({"model": "m", "messages": []}, "messages: "),
        ({"messages": [{"role": "user", "content": "x"}]}, "'model' is a required"),
        ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, r"messages\[0\].role: 'robot'"),
        ({"model": "m", "messages": [{"role": "user"}]}, r"messages\[0\]: 'content'"),
        ({"model": "m", "messages": [{"role": "user", "content": None}]}, "content: None"),
        ({"model": "m", "messages": [{"role": "user", "content": []}]}, "content: "),
        ({"model": "m", "messages": [{"role": "system", "content": [image(PNG)]}]}, "type: 'image_url'"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "'tool_call_id'"),
        (user({"type": "image", "base64": "x"}), r"content\[0\].type: 'image'"),
        (user({"type": "text"}), "'text' is a required"),
        (user({"type": "image_url", "image_url": PNG}), "image_url: 'data:"),
        (user({"type": "image_url", "image_url": {"url": PNG, "detail": "best"}}), "detail: 'best'"),
        (user(image("file:///etc/passwd")), "invalid image"),
        (user(image("data:image/png;base64,")), "invalid image: is empty"),
        (user(image("")), "url: ''"),
        (user(image("data:image/png;base64,!!")), "base64 is broken"),
        (user(image("data:image/png;base64,aGVsbG8=")), "not an image"),
        (user(image(PNG[:-40])), "invalid image"),
        (user(image(PNG.replace("png", "jpeg"))), "called image/jpeg, but is image/png"),
        (user(text(), colour="red"), "'colour' was unexpected"),
        (user(text(), temperature=3), "temperature: 3"),
        (user(text(), max_tokens=0), "max_tokens: 0"),
        (user(text(), response_format={"type": "xml"}), "response_format.type"),
        (user(text(), response_format=with_schema(CLOSED, name="a b")), "name: 'a b'"),
        (user(text(), response_format=with_schema({"type": "object"}, strict=True)), "additionalProperties"),
        (user(text(), response_format=with_schema({**CLOSED, "properties": {"a": {}}}, strict=True)), "'required' must list"),
        (user(text(), structured_outputs={"json": CLOSED}), "unexpected"),
    ],
)  # fmt: skip
def test_what_openai_refuses(body, message):
    with pytest.raises(RefusedError, match=message):
        read(body)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_images_of_all_formats_that_chat_models_read(form):
    url = f"data:image/{form.lower()};base64,{base64.b64encode(image_file(kind=form)).decode()}"
    (sent,) = read(user(text(), image(url))).images
    assert (sent.data, sent.size) == (image_file(kind=form), (80, 60))


def test_a_bmp_is_refused():
    url = "data:image/bmp;base64," + base64.b64encode(image_file(kind="BMP")).decode()
    with pytest.raises(RefusedError, match="BMP"):
        read(user(image(url)))


def test_a_schema_need_not_be_strict():
    assert read(user(text(), response_format=with_schema({"type": "object"}))).schema == {"type": "object"}  # fmt: skip


@pytest.mark.parametrize("value", ["", [], [""], [[]], None, [1.5], ["x"] * 2049])
def test_inputs_of_embeddings_that_are_refused(value):
    with pytest.raises(RefusedError):
        read_embeddings({"model": "m", "input": value})


def test_inputs_of_embeddings():
    assert read_embeddings({"model": "m", "input": "a"}) == ["a"]
    assert read_embeddings({"model": "m", "input": [1, 2]}) == ["[1, 2]"]
    assert read_embeddings({"model": "m", "input": [[1], [2]]}) == ["[1]", "[2]"]


def test_ollama_compiles_no_large_bounds():
    long = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 2000}}}
    asked = user(text(), response_format=with_schema(long))
    assert read(asked, "vllm").schema == long
    with pytest.raises(RefusedError, match="grammar: maxLength of 2000"):
        read(asked, "ollama")
