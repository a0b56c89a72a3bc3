"""The only module that opens image URLs: public addresses only; limits on size, type and time."""

from __future__ import annotations

import functools
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable

import httpx

from mmrerank.errors import ImageError

__all__ = ["fetch_image"]

MAX_BYTES = 20 * 2**20

_REDIRECTS = (301, 302, 303, 307, 308)

_TYPES = {f"image/{kind}" for kind in ("png", "jpeg", "jpg", "webp", "gif", "tiff", "bmp")} | {
    "application/octet-stream"
}

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure's agent and metadata, at an address of the public range
            "::/96",  # IPv4-compatible
            "::ffff:0:0/96",  # IPv4-mapped: no name server answers with it
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b:1::/48",  # NAT64 of a local network
            "fec0::/10",  # site-local
        ),
    )
)
"""What the standard library takes for public, itself or by what it wraps, and is not."""


def fetch_image(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = 20.0,
    max_redirects: int = 3,
    allow_private: bool = False,
) -> bytes:
    """The bytes behind an http(s) URL; call it only for URLs the user has allowed.

    `timeout` is in seconds, for the whole fetch after the host name has been resolved. Every
    address of every hop must be public unless `allow_private`; the connection goes to the address
    that was checked, so a name cannot change its meaning in between. No cookies, keys or proxies
    are used. Raises `ImageError`, which names the URL without its query: that may be a signature.
    """
    deadline = time.monotonic() + timeout
    name = url.partition("?")[0].partition("#")[0]
    target = _parsed(httpx.URL, url)
    if target is None:
        raise ImageError(name[:200], "is not a URL")
    if target.userinfo:
        raise ImageError(f"{target.scheme}://{target.host}", "contains a user name or password")
    for _ in range(max_redirects + 1):
        status, location, data = _get(target, name, max_bytes, deadline, allow_private)
        if status not in _REDIRECTS:
            if status != 200:
                raise ImageError(name, f"the server answered {status}")
            return data
        target = _next(target, location, name)
    raise ImageError(name, f"redirects more than {max_redirects} times")


def _next(target: httpx.URL, location: str | None, name: str) -> httpx.URL:
    if not location:
        raise ImageError(name, "redirects without a location")
    new_target = _parsed(target.join, location)
    if new_target is None:
        raise ImageError(name, "redirects to something that is not a URL")
    if new_target.userinfo:
        raise ImageError(name, "redirects to a URL with a user name or password")
    if target.scheme == "https" and new_target.scheme == "http":
        raise ImageError(name, "redirects from https to http")
    return new_target


def _parsed(parse: Callable[[str], httpx.URL], text: str) -> httpx.URL | None:
    """A URL whose host and port can be read; None for any other text."""
    try:
        url = parse(text)
        _ = url.host, url.port  # which are decoded only now
    except (httpx.InvalidURL, ValueError, TypeError):  # ValueError: also those of IDNA and UTF-8
        return None
    return url


def _get(
    target: httpx.URL, name: str, max_bytes: int, deadline: float, allow_private: bool
) -> tuple[int, str | None, bytes]:
    if target.scheme not in ("http", "https") or not target.host:
        raise ImageError(
            name, f"leads to {target.scheme or 'no scheme'}, which is not http or https"
        )
    address = _address(target, name, allow_private)
    headers = {
        "Host": target.netloc.decode(),
        "Accept": "image/*",
        "Accept-Encoding": "identity",  # a few packed bytes could unpack to gigabytes
    }
    client = httpx.Client(trust_env=False, verify=_certificates(), timeout=_left(deadline, name))
    # httpx limits each wait, not their sum: a server could send its headers a byte at a time.
    watchdog = threading.Timer(_left(deadline, name), client.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        with (
            client,
            client.stream(
                "GET",
                target.copy_with(host=address, userinfo=b""),
                headers=headers,
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
            ) as response,
        ):
            if response.status_code != 200:
                return response.status_code, response.headers.get("location"), b""
            return 200, None, _body(response, name, max_bytes, deadline)
    except httpx.TimeoutException:
        raise ImageError(name, "did not arrive in time") from None
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError, ValueError) as error:
        # RuntimeError: the watchdog has closed the client; ValueError: odd headers
        _left(deadline, name)
        raise ImageError(name, f"cannot be fetched: {error}") from None
    finally:
        watchdog.cancel()


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read once: reading them can take longer than a fetch."""
    return httpx.create_ssl_context(trust_env=False)


def _body(response: httpx.Response, name: str, max_bytes: int, deadline: float) -> bytes:
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in _TYPES:
        raise ImageError(name, f"is {media_type[:60] or 'of unknown type'}, not an image")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ImageError(name, "is compressed, though that was not accepted")
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > max_bytes:
            raise ImageError(name, f"is larger than {max_bytes} bytes")
        _left(deadline, name)
    return bytes(data)


def _left(deadline: float, name: str) -> float:
    """Seconds until the deadline; `ImageError` once it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise ImageError(name, "did not arrive in time")
    return left


def _address(target: httpx.URL, name: str, allow_private: bool) -> str:
    """One checked address of the host; all of them must be allowed."""
    try:
        port = target.port or (443 if target.scheme == "https" else 80)
        host = target.raw_host.decode("ascii")
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(name, f"its host cannot be found: {error}") from None
    addresses = [str(entry[4][0]) for entry in entries]
    for address in addresses:
        if not allow_private and not _is_public(address):
            raise ImageError(name, f"leads to {address}, which is not a public address")
    return addresses[0]


def _is_public(address: str) -> bool:
    """Is an address public? Of an IPv6 address that wraps an IPv4 one, the IPv4 address counts."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(ip in network for network in _NOT_PUBLIC):
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        teredo = ip.teredo[1] if ip.teredo else None
        nat64 = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        inner = ip.sixtofour or teredo or nat64
        if inner is not None:
            return _is_public(str(inner))
    return ip.is_global and not ip.is_multicast
