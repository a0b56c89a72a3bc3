"""Captions by LangChain's chat models, with the real ChatOpenAI."""

from __future__ import annotations

import pytest
from helpers import image_file
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from langchain_mmrerank import ChatModelCaptions
from mmrerank import APIError, CaptionError, Image, InvalidInputError, UnsupportedModalityError
from mmrerank.captioning import Captioner
from mmrerank.testing import ChatReply, LocalChatServer

GOOD = {"text_in_image": ["R12"], "data_points": [], "brief": "A shelf.", "detailed": "", "keywords": []}  # fmt: skip


def caption(server, tmp_path, *, structured=True, **options):
    model = ChatOpenAI(
        model="m", api_key=server.api_key, base_url=server.base_url, max_retries=0, **options
    )
    captioner = Captioner(
        ChatModelCaptions(model, structured=structured), cache=tmp_path / "captions.sqlite3"
    )
    try:
        return captioner.caption([Image.from_bytes(image_file())])[0]
    finally:
        captioner.cache.close()
        model.root_client.close()


@pytest.mark.parametrize("structured", [True, False])
def test_a_chat_model_describes_an_image(tmp_path, structured):
    with LocalChatServer(GOOD) as server:
        found = caption(server, tmp_path, structured=structured)
        assert found.caption.text_in_image == ("R12",)
        (call,) = server.calls
    assert call.images[0].data == image_file()
    assert (call.schema is not None) == structured


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("Only prose about R12.", "Only prose"),
        ("a loop " * 300, "a loop"),
        (ChatReply(refusal="No."), "refused: No."),
        (ChatReply("x", finish_reason="content_filter"), "content filter"),
    ],
)
def test_bad_answers(tmp_path, first, expected):
    with LocalChatServer(first) as server:
        found = caption(server, tmp_path, max_completion_tokens=100)
        assert len(server.calls) == 2
    if found.caption is None:
        assert isinstance(found.error, CaptionError)
        assert expected in str(found.error)
    else:
        assert found.caption.is_plain
        assert expected in found.caption.detailed


def test_errors_are_typed(tmp_path):
    with LocalChatServer(faults=[500]) as server:
        assert isinstance(caption(server, tmp_path).error, APIError)
    with LocalChatServer(takes_images=False) as server, pytest.raises(UnsupportedModalityError):
        caption(server, tmp_path)
    with pytest.raises(InvalidInputError, match="chat model of LangChain, not str"):
        ChatModelCaptions("gpt")


def test_a_model_without_structured_output_says_what_to_do():
    model = GenericFakeChatModel(messages=iter([AIMessage("x")]))
    with pytest.raises(InvalidInputError, match="structured=False"):
        ChatModelCaptions(model)
    assert ChatModelCaptions(model, structured=False).name == "GenericFakeChatModel"
