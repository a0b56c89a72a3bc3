"""The keywords that every service takes: their types, meanings, defaults and checks."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypedDict

import httpx

from mmrerank.errors import InvalidInputError
from mmrerank.fusion import Fusion, max_score
from mmrerank.http.cache import ScoreCache
from mmrerank.types import Usage

__all__ = ["DEFAULTS", "ConnectionOptions", "HTTPOptions", "check_options"]


class ConnectionOptions(TypedDict, total=False):
    """Keywords of everything that asks a service over HTTP; `DEFAULTS` has their defaults."""

    api_key: str | None
    """The service's key. None reads the environment (the class's `key_names`); "" sends none."""

    timeout: float | httpx.Timeout
    """Seconds for each wait of a request (connect, write, read), or a `httpx.Timeout`.

    As `deadline`, at most a year."""

    deadline: float
    """Seconds for a whole call, including its pauses and retries."""

    max_retries: int
    """How often a request that failed for a temporary reason is sent again."""

    max_concurrency: int
    """Requests in flight at once, over all threads and event loops that use this object."""

    requests_per_minute: int | None
    """Rate limit over all calls of this object; None for no limit."""

    tokens_per_minute: int | None
    """As `requests_per_minute`, for tokens. They are estimated, on the high side."""

    max_pixels: int | None
    """Larger images are shrunk to this many pixels before they are sent; None for as many as the
    model reads."""

    headers: Mapping[str, str] | None
    """Added to each request."""

    proxy: str | httpx.Proxy | None
    """As in httpx. None uses the proxy that the environment names, but none to this machine."""

    verify: ssl.SSLContext | str | Path | None
    """A file of certificates or an SSL context; None trusts the system's certificates, or those
    that `SSL_CERT_FILE` and `SSL_CERT_DIR` name."""

    allow_http_key: bool
    """Send the key over unencrypted HTTP to other machines and through a proxy, too."""

    client: httpx.Client | None
    """A client of your own for synchronous calls, used with its own settings and never closed."""

    async_client: httpx.AsyncClient | None
    """As `client`, for asynchronous calls."""


class HTTPOptions(ConnectionOptions, total=False):
    """Keywords of every `HTTPReranker`; `DEFAULTS` has their defaults."""

    instruction: str | None
    """What the model is told to look for, where the service takes an instruction."""

    max_images_per_document: int
    """Only the first images of a document, up to this number, are scored."""

    fusion: Fusion
    """Combines the scores of a document's parts into one; see `mmrerank.fusion`."""

    send_urls: bool
    """Pass image URLs on, for the service to fetch, where it can."""

    cache: ScoreCache | None
    """Remembers scores; rerankers may share one."""

    on_error: Literal["raise", "keep_order"]
    """What an `APIError` does: "raise" raises it; "keep_order" turns it into a `RerankWarning` and
    returns the documents in their input order, with `is_scored` False."""

    on_usage: Callable[[Usage], None] | None
    """Called with the `Usage` of each call, also of calls that fail."""


DEFAULTS: HTTPOptions = {
    "api_key": None,
    "timeout": 60.0,
    "deadline": 300.0,
    "max_retries": 3,
    "max_concurrency": 5,
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "instruction": None,
    "max_images_per_document": 4,
    "fusion": max_score,
    "max_pixels": None,
    "send_urls": False,
    "cache": None,
    "on_error": "raise",
    "on_usage": None,
    "headers": None,
    "proxy": None,
    "verify": None,
    "allow_http_key": False,
    "client": None,
    "async_client": None,
}

_MINIMUM = {
    "max_retries": 0,
    "max_concurrency": 1,
    "max_images_per_document": 1,
    "max_pixels": 1,
    "requests_per_minute": 1,
    "tokens_per_minute": 1,
}


_LONGEST = 366 * 24 * 3600  # seconds; waiting for inf, or for much more than this, overflows


def check_options(options: Mapping[str, object]) -> None:
    """Raise `InvalidInputError` for a value that cannot be used; `options` are complete."""
    _check_numbers(options)
    _check_seconds(options)
    if options["on_error"] not in ("raise", "keep_order"):
        raise InvalidInputError(
            f"on_error must be 'raise' or 'keep_order', not {options['on_error']!r}"
        )


def _check_numbers(options: Mapping[str, object]) -> None:
    for name, minimum in _MINIMUM.items():
        number = options[name]
        if number is None and DEFAULTS[name] is None:  # type: ignore[literal-required]
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidInputError(f"{name} must be a whole number, not {number!r:.80}")
        if number < minimum:
            raise InvalidInputError(f"{name} must be at least {minimum}, not {number}")


def _check_seconds(options: Mapping[str, object]) -> None:
    for name in ("timeout", "deadline"):
        seconds = options[name]
        if name == "timeout" and isinstance(seconds, (httpx.Timeout, type(None))):
            continue
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            raise InvalidInputError(f"{name} must be a number of seconds, not {seconds!r:.80}")
        if not 0 < seconds <= _LONGEST:  # false for nan, too
            raise InvalidInputError(
                f"{name} must be more than 0 and at most {_LONGEST} seconds, not {seconds}"
            )
