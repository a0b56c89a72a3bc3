"""Captions by any endpoint that speaks OpenAI's chat completions, through the `openai` client."""

from __future__ import annotations

import base64
import os
from typing import Any, Literal
from urllib.parse import urlsplit

from mmrerank.captioning.caption import caption_schema
from mmrerank.captioning.model import CaptionReply, CaptionRequest
from mmrerank.captioning.provider_errors import typed_error
from mmrerank.errors import InvalidInputError
from mmrerank.http.credentials import Secret, check_base_url, find_key
from mmrerank.http.masking import Mask
from mmrerank.optional import require

__all__ = ["DIALECTS", "Dialect", "OpenAICaptions"]

Dialect = Literal["openai", "vllm", "ollama", "text"]

DIALECTS: tuple[Dialect, ...] = ("openai", "vllm", "ollama", "text")

_OPENAI = "https://api.openai.com/v1"
_KEY_NAME = "OPENAI_API_KEY"


class OpenAICaptions:
    """A vision model behind an address that speaks OpenAI's chat completions.

    ::

        OpenAICaptions("gpt-5-mini")
        OpenAICaptions("qwen3-vl", base_url="http://localhost:11434/v1", dialect="ollama")

    `dialect`: how the server wants to be asked for JSON. "openai": a strict JSON schema; "vllm" and
    "ollama": one with bounds of lengths, and temperature 0; "text": by the prompt alone.
    `api_key` is a str or pydantic's `SecretStr`; None reads `OPENAI_API_KEY`, "" sends none. It is
    shown nowhere. `base_url` None reads `OPENAI_BASE_URL`, or else is OpenAI's. `timeout` is in
    seconds for each attempt; `max_retries` counts attempts after the first. Other `options` go to
    `openai.OpenAI`.

    Raises `MissingDependencyError` without the extra `openai`, `AuthenticationError` where OpenAI's
    own address has no key, and `InvalidInputError` for an address that would expose the key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: object = None,
        dialect: Dialect = "openai",
        timeout: float = 120.0,
        max_retries: int = 3,
        allow_http_key: bool = False,
        **options: Any,
    ) -> None:
        if dialect not in DIALECTS:
            raise InvalidInputError(
                f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}"
            )
        if not isinstance(model, str) or not model.strip():
            raise InvalidInputError("the name of the caption model is missing")
        address = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
        is_openai = urlsplit(address).hostname == urlsplit(_OPENAI).hostname
        key = find_key(api_key, (_KEY_NAME,), "OpenAICaptions" if is_openai else None)
        self.model, self.dialect = model, dialect
        self.base_url = check_base_url(
            address, has_key=key is not None, allow_http_key=allow_http_key
        )
        self._key = Secret(key)
        # No http client is passed: one of httpx fits version 2 of the package, of httpx2 version 3.
        self._client = require("openai").OpenAI(
            api_key=key or "no-key",
            base_url=self.base_url,
            timeout=timeout,
            max_retries=max_retries,
            **options,
        )

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def __repr__(self) -> str:
        return f"OpenAICaptions({self.model!r}, base_url={self.base_url!r})"

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

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
            raise typed_error(error, self.model, Mask([self._key.reveal() or ""])) from None
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
