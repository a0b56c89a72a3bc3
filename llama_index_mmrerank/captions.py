"""Captions by any LlamaIndex LLM that reads images: `LLMCaptions`."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.llms import LLM

from mmrerank.captioning.model import CaptionReply, CaptionRequest
from mmrerank.errors import InvalidInputError
from mmrerank.http.provider_errors import typed_error

__all__ = ["LLMCaptions"]

_CUT = ("length", "max_tokens", "MAX_TOKENS")
"""How providers name the end of an answer that reached its limit."""


class LLMCaptions:
    """A LlamaIndex LLM as the model of a `Captioner`.

    ::

        Captioner(LLMCaptions(OpenAI(model="gpt-5-mini", max_tokens=2000)))

    JSON is asked for by the prompt: LlamaIndex's structured prediction calls functions where it can,
    and raises on an answer in another form instead of returning it. `options` go to each `chat`, as
    `response_format` does for OpenAI. Set a limit of tokens on the LLM itself. `name`, under which
    captions are kept, is the LLM's unless given. Raises `InvalidInputError` if `llm` is not an LLM.
    """

    def __init__(self, llm: LLM, *, name: str | None = None, **options: Any) -> None:
        if not isinstance(llm, LLM):
            raise InvalidInputError(f"llm must be an LLM of LlamaIndex, not {type(llm).__name__}")
        self._llm, self._options = llm, options
        self._name = name or llm.metadata.model_name

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """See `mmrerank.captioning.CaptionModel`."""
        image = ImageBlock(image=request.image.data, image_mimetype=request.image.media_type)
        message = ChatMessage(role="user", blocks=[TextBlock(text=request.prompt), image])
        try:
            answer = self._llm.chat([message], **self._options)
        except Exception as error:  # each provider's package has its own kinds
            raise typed_error(error, self._name) from error
        return _reply(answer.message.content or "", answer.raw)


def _reply(content: str, raw: Any) -> CaptionReply:
    """The reply, with what the provider's own answer says of its end and its tokens."""
    facts = raw if isinstance(raw, dict) else getattr(raw, "__dict__", {})
    usage = facts.get("usage")
    choice = next(iter(facts.get("choices") or ()), None)
    reason = getattr(choice, "finish_reason", None) or facts.get("stop_reason")
    reason = reason or facts.get("done_reason")
    refusal = getattr(getattr(choice, "message", None), "refusal", None) or ""
    if reason == "content_filter":
        refusal = refusal or "stopped by the service's content filter"
    return CaptionReply(
        content=content,
        refusal=refusal,
        is_cut=reason in _CUT,
        input_tokens=_count(usage, "prompt_tokens", "input_tokens"),
        output_tokens=_count(usage, "completion_tokens", "output_tokens"),
    )


def _count(usage: Any, *names: str) -> int | None:
    facts = usage if isinstance(usage, dict) else getattr(usage, "__dict__", {})
    return next((facts[name] for name in names if isinstance(facts.get(name), int)), None)
