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

__all__ = ["is_provider_error", "provider_message", "typed_error"]

_NO_IMAGES = (
    "image_url is only supported",  # OpenAI
    "not a multimodal",  # vLLM
    "at most 0 image",  # vLLM
    "image input",  # llama.cpp, Ollama; OpenRouter: no endpoints that support image input
    "does not support image",
    "unknown variant `image_url`",  # DeepSeek
)
"""What services answer when a text-only model is sent an image."""

_NO_SCHEMA = (
    "response_format",
    "json_schema",
    "structured output",
    "grammar",
    "required for format",
)
_LONGEST = 500  # characters of a provider's message


def typed_error(
    error: Exception, model: str, mask: Callable[[str], str] = lambda text: text
) -> RerankError:
    """The error of a provider's package as one of ours; `mask` takes secrets out of its message.

    Its kind is known by `status_code` and by the name of its class, which the packages of OpenAI,
    Anthropic and others have in common.
    """
    if isinstance(error, RerankError):
        return error
    message = f"{model}: {mask(provider_message(error))[:_LONGEST]}"
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


def provider_message(error: BaseException) -> str:
    """What the service said, on one line, without the JSON around it if the package has read it."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and isinstance(body.get("error"), dict):  # as Anthropic's has it
        body = body["error"]
    said = body.get("message") if isinstance(body, dict) else None
    return " ".join((said if isinstance(said, str) and said.strip() else str(error)).split())


def is_provider_error(error: Exception) -> bool:
    """Is it an error of a service, or of the way to it? Others come from the caller's own code."""
    has_status = isinstance(getattr(error, "status_code", None), int)
    return has_status or _is_timeout(error) or _is_connection_error(error)


def _refused(status: int, message: str) -> RerankError | None:
    """An error that every request would have."""
    lower = message.lower()
    if any(words in lower for words in _NO_IMAGES):
        return UnsupportedModalityError(f"{message}: the model does not read images")
    if status == 404:
        return InvalidInputError(f"{message}: there is no such model or address")
    if status in (400, 422, 500) and any(words in lower for words in _NO_SCHEMA):
        return InvalidInputError(f'{message}: for a server without JSON schemas use dialect="text"')
    return None


def _without_status(error: Exception, message: str) -> RerankError:
    if _is_timeout(error):
        return APITimeoutError(f"{message}{_address(error)}")
    if _is_connection_error(error):
        return APIConnectionError(f"{message}{_address(error)}")
    return APIError(f"{message} ({type(error).__name__})")


def _is_timeout(error: Exception) -> bool:
    return "Timeout" in type(error).__name__


def _is_connection_error(error: Exception) -> bool:
    return "Connect" in type(error).__name__ or isinstance(error, OSError)


def _address(error: Exception) -> str:
    """The address that was asked, without a query; "" if the error does not tell it."""
    try:
        url = getattr(error, "request").url  # noqa: B009 - a property, which raises without one
    except (AttributeError, RuntimeError):
        return ""
    return f" ({str(url).partition('?')[0]})"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        seconds = float(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
