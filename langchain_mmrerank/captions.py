"""Captions by any LangChain chat model that reads images: `ChatModelCaptions`."""

from __future__ import annotations

import base64
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage

from mmrerank.captioning.caption import CAPTION_SCHEMA
from mmrerank.captioning.model import CaptionReply, CaptionRequest
from mmrerank.errors import InvalidInputError
from mmrerank.http.provider_errors import typed_error

__all__ = ["ChatModelCaptions", "model_name"]

_CUT = ("length", "max_tokens", "MAX_TOKENS")
"""How providers name the end of an answer that reached its limit."""


class ChatModelCaptions:
    """A LangChain chat model as the model of a `Captioner`.

    ::

        Captioner(ChatModelCaptions(ChatOllama(model="qwen3-vl", num_predict=2000)))

    The answer is asked for by `with_structured_output`, or, with `structured=False`, by the prompt
    alone. Set a limit of tokens on the model itself, since LangChain has no common name for it.
    `name`, under which captions are kept, is the model's unless given. Raises `InvalidInputError`
    if `model` is not a chat model.
    """

    def __init__(
        self, model: BaseChatModel, *, name: str | None = None, structured: bool = True
    ) -> None:
        if not isinstance(model, BaseChatModel):
            raise InvalidInputError(
                f"model must be a chat model of LangChain, not {type(model).__name__}"
            )
        self._name = name or model_name(model)
        self._model = model
        self._structured: Any = None
        if structured:
            try:
                self._structured = model.with_structured_output(CAPTION_SCHEMA, include_raw=True)
            except NotImplementedError as error:
                raise InvalidInputError(
                    f"{type(model).__name__} has no structured output: use structured=False"
                ) from error

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """See `mmrerank.captioning.CaptionModel`."""
        encoded = base64.b64encode(request.image.data).decode()
        message = HumanMessage(
            content=[
                {"type": "text", "text": request.prompt},
                {"type": "image", "base64": encoded, "mime_type": request.image.media_type},
            ]
        )
        try:
            if self._structured is None:
                return _reply(self._model.invoke([message]), None)
            answer = self._structured.invoke([message])
        except Exception as error:  # each provider's package has its own kinds
            if (cut := _cut_off(error)) is not None:
                return cut
            raise typed_error(error, self._name) from error
        return _reply(answer["raw"], answer["parsed"])


def model_name(model: object) -> str:
    """The name of a model as its class keeps it, or that of the class."""
    for field in ("model_name", "model", "model_id"):
        if isinstance(name := getattr(model, field, None), str) and name:
            return name
    return type(model).__name__


def _reply(raw: Any, parsed: Any) -> CaptionReply:
    message = raw if isinstance(raw, AIMessage) else AIMessage(str(raw))
    facts = message.response_metadata
    reasons = (facts.get("finish_reason"), facts.get("stop_reason"), facts.get("done_reason"))
    usage = message.usage_metadata
    refusal = message.additional_kwargs.get("refusal") or ""
    if "content_filter" in reasons:
        refusal = refusal or "stopped by the service's content filter"
    return CaptionReply(
        content=parsed if isinstance(parsed, dict) else message.text,
        refusal=refusal,
        is_cut=any(reason in _CUT for reason in reasons),
        input_tokens=usage["input_tokens"] if usage else None,
        output_tokens=usage["output_tokens"] if usage else None,
    )


def _cut_off(error: Exception) -> CaptionReply | None:
    """OpenAI's package raises where structured output is cut off or filtered."""
    if "ContentFilter" in type(error).__name__:
        return CaptionReply(refusal="stopped by the service's content filter")
    completion = getattr(error, "completion", None)
    if completion is None:
        return None
    return CaptionReply(content=completion.choices[0].message.content or "", is_cut=True)
