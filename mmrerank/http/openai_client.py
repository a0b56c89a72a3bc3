"""The `openai` package's client of one model: its address, its key and its limits, checked."""

from __future__ import annotations

import os
from typing import Any, Self
from urllib.parse import urlsplit

from mmrerank.errors import AuthenticationError, InvalidInputError, RerankError
from mmrerank.http.credentials import Secret, check_base_url, find_key
from mmrerank.http.masking import Mask
from mmrerank.http.provider_errors import typed_error
from mmrerank.optional import require

__all__ = ["OpenAIClient"]

_OPENAI = "https://api.openai.com/v1"
_KEY_NAME = "OPENAI_API_KEY"


class OpenAIClient:
    """What the classes for a model behind an address that speaks OpenAI's API have in common.

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
        timeout: float = 120.0,
        max_retries: int = 3,
        allow_http_key: bool = False,
        **options: Any,
    ) -> None:
        if not isinstance(model, str) or not model.strip():
            raise InvalidInputError(f"{type(self).__name__} needs the name of a model")
        address = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
        is_openai = urlsplit(address).hostname == urlsplit(_OPENAI).hostname
        key = find_key(api_key, (_KEY_NAME,), type(self).__name__ if is_openai else None)
        self.model = model
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, base_url={self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _typed(self, error: Exception) -> RerankError:
        """An error of the package, or of its http client, as one of ours, without the key."""
        key = self._key.reveal()
        typed = typed_error(error, self.model, Mask([key or ""]))
        if isinstance(typed, AuthenticationError) and not key:
            return AuthenticationError(
                f"{self.model}: {self.base_url} wants an API key, and none was sent: pass "
                f"api_key=..., or set {_KEY_NAME} in the environment"
            )
        return typed
