"""Errors of providers' packages become ours."""

from __future__ import annotations

import httpx
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


def test_the_message_of_the_service_is_taken_out_of_its_json():
    error = ProviderError("Error code: 400 - {...}", 400)
    for body in ({"message": "too\nodd"}, {"type": "error", "error": {"message": "too odd"}}):
        error.body = body
        assert str(typed_error(error, "m")).startswith("m: too odd (status 400")
    error.body = {"message": None}
    assert str(typed_error(error, "m")).startswith("m: Error code: 400")


def test_an_address_that_does_not_answer_is_named_without_its_query():
    error = httpx.ConnectError("refused", request=httpx.Request("POST", "http://h:1/v1?key=k"))
    assert str(typed_error(error, "m")) == "m: refused (http://h:1/v1)"
    assert str(typed_error(httpx.ConnectError("refused"), "m")) == "m: refused"


def test_a_schema_that_a_server_cannot_compile_names_the_way_out():
    for status, message in [(400, "failed to parse grammar"), (500, "required for format")]:
        assert 'dialect="text"' in str(typed_error(ProviderError(message, status), "m"))
