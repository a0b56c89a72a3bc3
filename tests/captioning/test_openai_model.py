"""How each kind of server is asked, and where a key may go."""

from __future__ import annotations

import base64
import traceback

import pytest
from helpers import image_file
from pydantic import SecretStr

from mmrerank import AuthenticationError, InvalidInputError
from mmrerank.captioning import PROMPT, CaptionRequest, OpenAICaptions
from mmrerank.captioning.caption import caption_schema
from mmrerank.images.encode import EncodedImage
from mmrerank.testing import LocalChatServer

REQUEST = CaptionRequest(
    image=EncodedImage(image_file(), "image/png"), prompt=PROMPT, max_tokens=500
)


def ask(server, **options):
    model = OpenAICaptions("m", base_url=server.base_url, **{"api_key": server.api_key, **options})
    try:
        return model.caption(REQUEST)
    finally:
        model.close()


@pytest.mark.parametrize("dialect", ["openai", "vllm", "ollama", "text"])
def test_each_dialect_asks_in_a_form_that_the_server_knows(dialect):
    with LocalChatServer(dialect="openai" if dialect == "text" else dialect) as server:
        reply = ask(server, dialect=dialect)
        (call,) = server.calls
        assert server.ignored == []
    bounded = caption_schema(bounded=dialect != "openai")
    assert call.schema == (None if dialect == "text" else bounded)
    assert call.max_tokens == 500
    assert call.parts[0] == PROMPT
    assert (call.images[0].data, call.images[0].media_type) == (image_file(), "image/png")
    assert reply.output_tokens > 0
    assert reply.input_tokens > 100


def test_a_server_without_a_key():
    with LocalChatServer(needs_key=False) as server:
        assert ask(server, api_key="").content


def test_the_key_is_shown_nowhere(monkeypatch):
    with LocalChatServer() as server:
        assert ask(server, api_key=SecretStr(server.api_key)).content
        secret = "sk-very-secret-key"
        monkeypatch.setenv("OPENAI_API_KEY", secret)
        model = OpenAICaptions("m", base_url=server.base_url)
        assert secret not in repr(model)
        with pytest.raises(AuthenticationError) as caught:
            model.caption(REQUEST)
        model.close()
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert server.headers[-1]["authorization"] == f"Bearer {secret}"


def test_addresses():
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        OpenAICaptions("m")
    with pytest.raises(InvalidInputError, match="unencrypted"):
        OpenAICaptions("m", base_url="http://example.org/v1", api_key="k" * 20)
    OpenAICaptions("m", base_url="http://example.org/v1").close()
    with pytest.raises(InvalidInputError, match="dialect"):
        OpenAICaptions("m", dialect="x", base_url="http://localhost/v1")
    with pytest.raises(InvalidInputError, match="the name of a model"):
        OpenAICaptions(" ")


def test_the_address_of_the_environment(monkeypatch):
    with LocalChatServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        model = OpenAICaptions("m", api_key=server.api_key)
        assert model.base_url == server.base_url
        model.close()


def test_pictures_travel_as_they_are():
    with LocalChatServer() as server:
        ask(server)
        url = server.requests[0]["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == image_file()
