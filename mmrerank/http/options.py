"""What every client needs: checked options and address, a key that does not show, certificates."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from mmrerank.errors import AuthenticationError, InvalidInputError

__all__ = [
    "Secret",
    "check_numbers",
    "check_seconds",
    "check_url",
    "checked_headers",
    "client_options",
    "find_key",
]


class Secret:
    """A key that shows in no repr, log or traceback, and in no pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key is not pickled")


def find_key(given: str | None, names: tuple[str, ...], needed_by: str | None) -> str | None:
    """The key given, or else the environment's; "" is none, whatever the environment has.

    Space around it goes: keys are often pasted or read from files with their line end. Raises
    `AuthenticationError` where there is none and `needed_by` names who needs it, or where it
    cannot be a key, and `InvalidInputError` where what is given is no str.
    """
    found = (os.environ[name] for name in names if os.environ.get(name))
    bare: Any = getattr(given, "get_secret_value", lambda: given)()  # pydantic's SecretStr
    if bare is not None and not isinstance(bare, str):
        raise InvalidInputError(f"api_key is a str, not {type(bare).__name__}")
    key: str | None = (next(found, "") if bare is None else bare).strip() or None
    if key is not None and not re.fullmatch(r"[!-~]+", key):
        raise AuthenticationError("the API key holds characters that no key has")
    if key is None and needed_by is not None:
        raise AuthenticationError(
            f"{needed_by} needs an API key: pass api_key=..., or set {names[0]} in the environment"
        )
    return key


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, Secret]:
    """Headers of the caller's own; their values may be credentials, so they stay covered."""
    for name, value in (headers or {}).items():
        if not isinstance(value, str) or not re.fullmatch(r"[\t -~]*", value):
            raise InvalidInputError(f"headers: the value of {name!r} is no line of ASCII text")
    return {name: Secret(value) for name, value in (headers or {}).items()}


def client_options(
    timeout: float | httpx.Timeout,
    proxy: str | httpx.Proxy | None,
    verify: ssl.SSLContext | str | Path | None,
) -> dict[str, Any]:
    """What an httpx client is made with. Proxies of the environment hold unless one is given."""
    if isinstance(verify, (str, Path)):
        try:
            verify = ssl.create_default_context(cafile=str(verify))
        except OSError as error:
            raise InvalidInputError(f"verify: {verify} holds no certificates: {error}") from None
    context = verify or _system_context(
        os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    )
    return {"timeout": timeout, "proxy": proxy, "verify": context}


@functools.cache
def _system_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than a request on loopback."""
    return httpx.create_ssl_context()


def check_url(url: str, *, with_key: bool, allow_http_key: bool = False) -> str:
    """The address without its last slash.

    A key travels over https only, except to this machine itself or where `allow_http_key` says
    so. Raises `InvalidInputError`.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise InvalidInputError(f"base_url is no URL: {error}") from None
    if parsed.userinfo:
        raise InvalidInputError("base_url holds a user name or password; use api_key or headers")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInputError(
            f"base_url {url!r} does not begin with http:// or https:// and a host"
        )
    if parsed.query or parsed.fragment:
        raise InvalidInputError("base_url holds a query; give headers instead")
    if (
        with_key
        and not allow_http_key
        and parsed.scheme == "http"
        and not _is_loopback(parsed.host)
    ):
        raise InvalidInputError(
            f"base_url {url!r} would send the API key unencrypted; use https, or say "
            'allow_http_key=True, or api_key="" to send none'
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_numbers(**numbers: int | None) -> None:
    """Raise `InvalidInputError` for a number below 1."""
    for name, number in numbers.items():
        if number is not None and number < 1:
            least = 0 if name == "max_retries" else 1
            raise InvalidInputError(f"{name} is at least {least}")


def check_seconds(timeout: float | httpx.Timeout, deadline: float) -> None:
    """Raise `InvalidInputError` for a time that is none."""
    if deadline <= 0 or (isinstance(timeout, (int, float)) and timeout <= 0):
        raise InvalidInputError("timeout and deadline are seconds, above 0")
