"""The openai client against a server on loopback: what is sent, what is streamed, what fails."""

from __future__ import annotations

import pickle
import traceback

import pytest
from helpers import png

from mmrerank import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    Image,
    InvalidInputError,
    InvalidResponseError,
    RateLimitError,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.answers.chunks import Chunk, ChunkImage
from mmrerank.answers.openai_chat import OpenAIChat
from mmrerank.answers.prompt import PromptBuilder
from mmrerank.images.decode import content_hash
from mmrerank.testing import ChatReply, LocalChatServer, Refusal

KEY = "sk-secret-of-this-test"


def prompt(**options):
    image = ChunkImage(image=Image.from_bytes(png("R12")), ref="a.png", label="Figure 1")
    chunks = [Chunk(text="about shelves", source="a.pdf", images=(image,)), Chunk(text="boxes")]
    return PromptBuilder(**options).build("Which shelf?", chunks)


def ask(server, given=None, **options):
    with OpenAIChat(
        "m", base_url=server.base_url, api_key=server.api_key, max_retries=0, **options
    ) as chat:
        return list(chat.stream(given or prompt()))


def test_the_image_arrives_once_behind_its_label_and_the_answer_streams():
    usage = {}
    with (
        LocalChatServer("Shelf R12 [1, Figure 1].") as server,
        OpenAIChat("m", base_url=server.base_url, api_key=server.api_key) as chat,
    ):
        pieces = list(chat.stream(prompt(), usage.update))
    assert "".join(pieces) == "Shelf R12 [1, Figure 1]."
    assert len(pieces) > 2
    (call,) = server.calls
    before, image, after = call.parts
    assert image.hash == content_hash(png("R12"))
    assert before.endswith("| about shelves\n[1, Figure 1] an image")
    assert "| boxes" in after
    assert after.endswith("Question: Which shelf?")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_words_are_one_plain_text():
    with LocalChatServer("R12", takes_images=False) as server:
        ask(server, prompt(images="none"))
        assert isinstance(server.calls[0].body["messages"][0]["content"], str)
        with pytest.raises(UnsupportedModalityError, match='images="words"'):
            ask(server)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Refusal(401, message="Incorrect API key provided"), AuthenticationError),
        (429, RateLimitError),
        (500, APIError),
        ("drop", APIConnectionError),
        ("cut", APIError),
    ],
)
def test_faults_are_typed_and_tell_no_key(fault, error):
    with (
        LocalChatServer("one two three four", faults=[fault]) as server,
        pytest.raises(error) as caught,
    ):
        ask(server)
    assert server.api_key not in "".join(traceback.format_exception(caught.value))
    assert server.api_key not in repr(caught.value)


def test_odd_ends_of_answers():
    replies = [
        ChatReply("", finish_reason="stop"),
        ChatReply("half an", finish_reason="length"),
        ChatReply(refusal="I cannot help with that."),
    ]
    with LocalChatServer(replies) as server:
        with pytest.raises(InvalidResponseError, match="empty"):
            ask(server)
        with pytest.warns(RerankWarning, match="cut by the limit of tokens"):
            assert "".join(ask(server)) == "half an"
        assert "".join(ask(server)) == "I cannot help with that."


def test_the_key_is_a_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat = OpenAIChat("m")
    assert KEY not in repr(chat) + str(vars(chat)["_key"])
    with pytest.raises(TypeError):
        pickle.dumps(chat._key)
    chat.close()
    with pytest.raises(InvalidInputError, match="unencrypted"):
        OpenAIChat("m", base_url="http://example.org/v1")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        OpenAIChat("m")
    OpenAIChat("m", base_url="http://localhost:1/v1").close()
    with pytest.raises(InvalidInputError, match="name"):
        OpenAIChat(" ")
