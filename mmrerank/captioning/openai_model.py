"""Captions by any endpoint that speaks OpenAI's chat completions, through the `openai` client."""

from __future__ import annotations

import base64
from typing import Any, Literal

from mmrerank.captioning.caption import caption_schema
from mmrerank.captioning.model import CaptionReply, CaptionRequest
from mmrerank.errors import InvalidInputError
from mmrerank.http.openai_client import OpenAIClient

__all__ = ["DIALECTS", "Dialect", "OpenAICaptions"]

Dialect = Literal["openai", "vllm", "ollama", "text"]

DIALECTS: tuple[Dialect, ...] = ("openai", "vllm", "ollama", "text")


class OpenAICaptions(OpenAIClient):
    """A vision model behind an address that speaks OpenAI's chat completions.

    ::

        OpenAICaptions("gpt-5-mini")
        OpenAICaptions("qwen3-vl", base_url="http://localhost:11434/v1", dialect="ollama")

    `dialect`: how the server wants to be asked for JSON. "openai": a strict JSON schema; "vllm" and
    "ollama": one with bounds of lengths, and temperature 0; "text": by the prompt alone.
    The other options, and the errors that they raise, are those of
    `mmrerank.http.openai_client.OpenAIClient`.
    """

    def __init__(self, model: str, *, dialect: Dialect = "openai", **options: Any) -> None:
        if dialect not in DIALECTS:
            raise InvalidInputError(
                f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}"
            )
        self.dialect = dialect
        super().__init__(model, **options)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """See `CaptionModel`."""
        encoded = base64.b64encode(request.image.data).decode()
        url = f"data:{request.image.media_type};base64,{encoded}"
        parts = [
            {"type": "text", "text": request.prompt},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": parts}],
                **self._form(request.max_tokens),
            )
        except Exception as error:  # the package's own kinds, and those of its http client
            raise self._typed(error) from None
        return _reply(answer)

    def _form(self, max_tokens: int) -> dict[str, Any]:
        if self.dialect == "text":
            return {"max_tokens": max_tokens}
        schema = caption_schema(bounded=self.dialect != "openai")
        wanted = {"name": "caption", "schema": schema, "strict": True}
        form = {"type": "json_schema", "json_schema": wanted}
        if self.dialect == "openai":  # newer models take neither max_tokens nor a temperature
            return {"response_format": form, "max_completion_tokens": max_tokens}
        return {"response_format": form, "max_tokens": max_tokens, "temperature": 0}


def _reply(answer: Any) -> CaptionReply:
    """What the client made of an answer, which servers may send in odd forms."""
    choices, usage = getattr(answer, "choices", None), getattr(answer, "usage", None)
    if not choices:
        return CaptionReply()
    message, reason = choices[0].message, choices[0].finish_reason
    content, refusal = (getattr(message, name, None) or "" for name in ("content", "refusal"))
    if reason == "content_filter":
        refusal = refusal or "stopped by the service's content filter"
    return CaptionReply(
        content=_content(content),
        refusal=str(refusal),
        is_cut=reason == "length",
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
    )


def _content(value: Any) -> str | dict[str, Any]:
    """What a message says; some servers send a list of parts, and the client checks nothing."""
    if isinstance(value, list):
        parts = [one.get("text") if isinstance(one, dict) else one for one in value]
        return "\n".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, (str, dict)) else str(value)


def _count(usage: Any, name: str) -> int | None:
    count = getattr(usage, name, None)
    return count if isinstance(count, int) else None
