"""Captions by LlamaIndex's LLMs, with the real OpenAI LLM."""

from __future__ import annotations

import pytest
from helpers import image_file

from llama_index_mmrerank import LLMCaptions
from mmrerank import APIError, CaptionError, Image, InvalidInputError, UnsupportedModalityError
from mmrerank.captioning import Captioner
from mmrerank.testing import ChatReply, LocalChatServer

OpenAI = pytest.importorskip("llama_index.llms.openai").OpenAI

GOOD = {"text_in_image": ["R12"], "data_points": [], "brief": "A shelf.", "detailed": "", "keywords": []}  # fmt: skip


def caption(server, tmp_path, **options):
    llm = OpenAI(
        model="gpt-4o-mini",
        api_key=server.api_key,
        api_base=server.base_url,
        max_retries=0,
        max_tokens=100,
        reuse_client=False,
    )
    captioner = Captioner(LLMCaptions(llm, **options), cache=tmp_path / "captions.sqlite3")
    try:
        return captioner.caption([Image.from_bytes(image_file())])[0]
    finally:
        captioner.cache.close()


def test_an_llm_describes_an_image(tmp_path):
    with LocalChatServer(GOOD) as server:
        found = caption(server, tmp_path, response_format={"type": "json_object"})
        assert found.caption.text_in_image == ("R12",)
        (call,) = server.calls
    assert call.images[0].data == image_file()
    assert call.body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Only prose about R12.", "Only prose"),
        ("a loop " * 300, "a loop"),
        (ChatReply(refusal="No."), "refused: No."),
        (ChatReply("x", finish_reason="content_filter"), "content filter"),
    ],
)
def test_bad_answers(tmp_path, answer, expected):
    with LocalChatServer(answer) as server:
        found = caption(server, tmp_path)
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
    with pytest.raises(InvalidInputError, match="LLM of LlamaIndex, not str"):
        LLMCaptions("gpt")
