"""Errors of providers' packages become ours."""

from __future__ import annotations

import pytest

from mmrerank import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    CaptionError,
    InvalidInputError,
    RateLimitError,
    UnsupportedModalityError,
)
from mmrerank.http.provider_errors import typed_error


class ProviderError(Exception):
    def __init__(self, message, status, headers=None):
        super().__init__(message)
        self.status_code, self.request_id = status, "r-1"
        self.response = type("Response", (), {"headers": headers or {}})()


class ReadTimeout(Exception):  # noqa: N818 - as httpx names it
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ProviderError("no", 401), AuthenticationError),
        (ProviderError("no", 403), AuthenticationError),
        (ProviderError("slow down", 429), RateLimitError),
        (ProviderError("busy", 503), APIError),
        (ProviderError("bad image_url", 400), APIError),
        (ProviderError("under supervision", 400), APIError),
        (ProviderError("no such model", 404), InvalidInputError),
        (ProviderError("No endpoints found that support image input", 404), UnsupportedModalityError),
        (ProviderError("image input is not supported - hint: mmproj", 500), UnsupportedModalityError),
        (ProviderError("m is not a multimodal model", 400), UnsupportedModalityError),
        (ProviderError("unknown response_format", 400), InvalidInputError),
        (ReadTimeout("late"), APITimeoutError),
        (ConnectionResetError("gone"), APIConnectionError),
        (KeyError("odd"), APIError),
    ],
)  # fmt: skip
def test_each_has_its_kind(error, kind):
    typed = typed_error(error, "m")
    assert type(typed) is kind
    assert "m: " in str(typed)


def test_what_is_ours_stays_and_facts_are_kept():
    ours = CaptionError("x")
    assert typed_error(ours, "m") is ours
    limited = typed_error(ProviderError("slow", 429, {"retry-after": "2.5"}), "m")
    assert (limited.retry_after, limited.request_id) == (2.5, "r-1")
    assert typed_error(ProviderError("slow", 429, {"retry-after": "nan"}), "m").retry_after is None
    assert typed_error(ProviderError("slow", 429, {"retry-after": "Fri, 31 Dec"}), "m").retry_after is None  # fmt: skip


def test_secrets_are_masked():
    typed = typed_error(ProviderError("wrong key sk-1234", 401), "m", lambda t: t.replace("sk-1234", "***"))  # fmt: skip
    assert "sk-1234" not in str(typed)
