"""What every client needs: a checked address, and certificates read once."""

from __future__ import annotations

import functools
import ipaddress
import ssl

import httpx

from mmrerank.errors import InvalidInputError

__all__ = ["Secret", "check_url", "ssl_context"]


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


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than a request on loopback."""
    return httpx.create_ssl_context()


def check_url(url: str, *, with_key: bool) -> str:
    """The address without its last slash.

    A key travels over https only, except to this machine itself. Raises `InvalidInputError`.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise InvalidInputError(f"base_url {url!r} is no URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InvalidInputError(
            f"base_url {url!r} does not begin with http:// or https:// and a host"
        )
    if parsed.userinfo:
        raise InvalidInputError("base_url holds a user name or password; use api_key or headers")
    if with_key and parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise InvalidInputError(f"base_url {url!r} would send the API key unencrypted; use https")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
