"""Errors of providers' packages as ours: all that the frameworks call name them alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidInputError,
    RateLimitError,
    RerankError,
    UnsupportedModalityError,
)

__all__ = ["typed_error"]

_NO_IMAGES = (
    "image_url is only supported",  # OpenAI
    "not a multimodal",  # vLLM
    "at most 0 image",  # vLLM
    "image input",  # llama.cpp, Ollama; OpenRouter: no endpoints that support image input
    "does not support image",
    "unknown variant `image_url`",  # DeepSeek
)
"""What services say where a model for text is sent an image."""

_NO_SCHEMA = ("response_format", "json_schema", "structured output")
_LONGEST = 500  # characters of a provider's message


def typed_error(
    error: Exception, model: str, mask: Callable[[str], str] = lambda text: text
) -> RerankError:
    """The error of a provider's package as one of ours; `mask` takes secrets out of its message.

    Told apart by `status_code` and by the name of the class, which the packages of OpenAI,
    Anthropic and others have in common.
    """
    if isinstance(error, RerankError):
        return error
    message = f"{model}: {mask(str(error))[:_LONGEST]}"
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _without_status(error, message)
    facts: dict[str, Any] = {
        "code": _text(getattr(error, "code", None)),
        "request_id": _text(getattr(error, "request_id", None)),
    }
    if status == 429:
        return RateLimitError(message, retry_after=_retry_after(error), **facts)
    if status in (401, 403):
        return AuthenticationError(message, status_code=status, **facts)
    return _refused(status, message) or APIError(message, status_code=status, **facts)


def _refused(status: int, message: str) -> RerankError | None:
    """An error that every request would have."""
    lower = message.lower()
    if any(words in lower for words in _NO_IMAGES):
        return UnsupportedModalityError(f"{message}: the model does not read images")
    if status == 404:
        return InvalidInputError(f"{message}: there is no such model or address")
    if status in (400, 422) and any(words in lower for words in _NO_SCHEMA):
        return InvalidInputError(f'{message}: for a server without JSON schemas use dialect="text"')
    return None


def _without_status(error: Exception, message: str) -> RerankError:
    name = type(error).__name__
    if "Timeout" in name:
        return APITimeoutError(message)
    if "Connection" in name or "Connect" in name or isinstance(error, OSError):
        return APIConnectionError(message)
    return APIError(f"{message} ({name})")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        seconds = float(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
