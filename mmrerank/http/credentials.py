"""Keys and headers that stay hidden, and the addresses that a key may be sent to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import httpx

from mmrerank.errors import AuthenticationError, InvalidInputError
from mmrerank.http.proxies import is_this_machine

__all__ = ["Secret", "check_base_url", "find_key", "hide_headers"]


T = TypeVar("T")


class Secret(Generic[T]):
    """A key, header value or proxy that appears in no repr, log, traceback or pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


def find_key(api_key: object, names: tuple[str, ...], required_by: str | None) -> str | None:
    """`api_key`, or the first of the environment variables `names` that is set; None for no key.

    `api_key` is a str or pydantic's `SecretStr`; "" means no key, even if the environment has one.
    Surrounding white space is removed: keys are often pasted, or read from files with their line
    end. Raises `InvalidInputError` for an `api_key` that is not a str, and `AuthenticationError`
    for one that cannot be a key, or where `required_by` names a class that needs one and there
    is none.
    """
    value = _key_text(api_key)
    if value is None:
        value = next((os.environ[name] for name in names if os.environ.get(name)), "")
    key = value.strip()
    if key and not re.fullmatch(r"[!-~]+", key):
        raise AuthenticationError("the API key contains characters that cannot be part of a key")
    if not key and required_by is not None:
        raise AuthenticationError(
            f"{required_by} needs an API key: pass api_key=..., or set {names[0]} in the environment"
        )
    return key or None


def _key_text(api_key: Any) -> str | None:
    value = getattr(api_key, "get_secret_value", lambda: api_key)()  # pydantic's SecretStr
    if value is None or isinstance(value, str):
        return value
    raise InvalidInputError(f"api_key must be a str, not {type(value).__name__}")


def hide_headers(headers: Mapping[str, str] | None) -> dict[str, Secret[str]]:
    """The caller's own headers, hidden since they may carry credentials.

    White space around a value is removed. Raises `InvalidInputError` for a name that HTTP does
    not allow, and for a value that is not a line of ASCII text.
    """
    if not isinstance(headers, (Mapping, type(None))):
        raise InvalidInputError(f"headers must be a dict, not {type(headers).__name__}")
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise InvalidInputError(f"headers: {name!r:.80} is not a name of a header")
        if not isinstance(value, str) or not re.fullmatch(r"[\t -~]*", value):
            raise InvalidInputError(f"headers: the value of {name!r} is not a line of ASCII text")
    return {name: Secret(value.strip()) for name, value in (headers or {}).items()}


def check_base_url(
    url: str, *, has_key: bool, over_proxy: bool = False, allow_http_key: bool = False
) -> str:
    """The address without its trailing slash.

    A key is sent over https only, except to this machine without a proxy, or with
    `allow_http_key`. Raises `InvalidInputError` for an address that cannot be used or that would
    expose the key.
    """
    try:
        parsed = httpx.URL(url)
        parsed.host.encode("idna")  # as the resolver will: refuses labels it cannot look up
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        reason = "" if "@" in str(url) else f": {error}"  # it may repeat a password
        raise InvalidInputError(f"base_url is not a URL{reason}") from None
    _check_parts(url, parsed)
    is_safe = parsed.scheme == "https" or (is_this_machine(parsed.host) and not over_proxy)
    if has_key and not is_safe and not allow_http_key:
        raise InvalidInputError(
            f"base_url {url!r} would send the API key unencrypted; use https, pass "
            'allow_http_key=True, or pass api_key="" to send no key'
        )
    return url.rstrip("/")


def _check_parts(url: str, parsed: httpx.URL) -> None:
    if parsed.userinfo:
        raise InvalidInputError(
            "base_url contains a user name or password; use api_key or headers instead"
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        shown = "" if "@" in url else f" {url!r}"
        raise InvalidInputError(
            f"base_url{shown} does not begin with http:// or https:// and a host"
        )
    if parsed.query or parsed.fragment:
        raise InvalidInputError("base_url contains a query or fragment; use headers instead")
