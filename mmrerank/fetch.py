"""The only opener of URLs: public addresses alone, with limits on size, time and redirects."""

from __future__ import annotations

import ipaddress
import socket
import time

import httpx

from mmrerank.errors import ImageError

__all__ = ["fetch_image"]

MAX_BYTES = 20 * 2**20
_REDIRECTS = (301, 302, 303, 307, 308)


def fetch_image(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = 20.0,
    max_redirects: int = 3,
    allow_private: bool = False,
) -> bytes:
    """The bytes behind an http(s) URL; call it only for URLs the user has allowed.

    `timeout` is in seconds, for the whole fetch. Every address of every hop must be public unless
    `allow_private`; the connection goes to the address that was checked, so a name cannot change
    its meaning in between. Raises `ImageError`.
    """
    deadline = time.monotonic() + timeout
    target = httpx.URL(url)
    for _ in range(max_redirects + 1):
        status, location, data = _get(target, url, max_bytes, deadline, allow_private)
        if status not in _REDIRECTS:
            if status != 200:
                raise ImageError(url, f"the server answered {status}")
            return data
        if not location:
            raise ImageError(url, "redirects without saying where to")
        target = target.join(location)
    raise ImageError(url, f"redirects more than {max_redirects} times")


def _get(
    target: httpx.URL, url: str, max_bytes: int, deadline: float, allow_private: bool
) -> tuple[int, str | None, bytes]:
    if target.scheme not in ("http", "https") or not target.host:
        raise ImageError(
            url, f"leads to {target.scheme or 'no scheme'}, which is not http or https"
        )
    address = _address(target, url, allow_private)
    headers = {"Host": target.netloc.decode(), "Accept": "image/*"}
    try:
        with (
            httpx.Client(trust_env=False, timeout=_left(deadline, url)) as client,
            client.stream(
                "GET",
                target.copy_with(host=address),
                headers=headers,
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            if response.status_code != 200:
                return response.status_code, response.headers.get("location"), b""
            return 200, None, _body(response, url, max_bytes, deadline)
    except httpx.TimeoutException:
        raise ImageError(url, "did not arrive in time") from None
    except httpx.HTTPError as error:
        raise ImageError(url, f"cannot be fetched: {error}") from None


def _body(response: httpx.Response, url: str, max_bytes: int, deadline: float) -> bytes:
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if not media_type.startswith("image/") and media_type != "application/octet-stream":
        raise ImageError(url, f"is {media_type or 'of no stated type'}, not an image")
    data = bytearray()
    for piece in response.iter_bytes():
        data += piece
        if len(data) > max_bytes:
            raise ImageError(url, f"is larger than {max_bytes} bytes")
        _left(deadline, url)
    return bytes(data)


def _left(deadline: float, url: str) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise ImageError(url, "did not arrive in time")
    return left


def _address(target: httpx.URL, url: str, allow_private: bool) -> str:
    """One checked address of the host; all of them must be allowed."""
    try:
        port = target.port or (443 if target.scheme == "https" else 80)
        found = socket.getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(url, f"its host cannot be found: {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not ipaddress.ip_address(address.split("%")[0]).is_global:
            raise ImageError(url, f"leads to {address}, which is not a public address")
    return addresses[0]
