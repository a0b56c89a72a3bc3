"""Proxies: which one a request goes through, and how its password stays hidden.

httpx sends what the environment's variables (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) say through a
proxy, requests to this machine too unless NO_PROXY excepts them. Here requests to this machine
take no proxy that was not given as a parameter.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Iterator
from urllib.request import getproxies

import httpx

from mmrerank.errors import InvalidInputError

__all__ = ["is_this_machine", "make_proxy", "proxy_secrets"]


def is_this_machine(host: str) -> bool:
    """Is this a name or an address of the machine itself (`127.1` and `0.0.0.0` are, too)?"""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, ValueError):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def make_proxy(proxy: object) -> httpx.Proxy | None:
    """The option `proxy`, checked. Raises `InvalidInputError`, which never repeats the address,
    since a proxy's address often contains its password.
    """
    if proxy is None:
        return None
    try:
        made = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)  # type: ignore[arg-type]
        has_host = bool(made.url.host)
    except (httpx.InvalidURL, ValueError, TypeError, AttributeError):
        has_host = False
    if not has_host:
        raise InvalidInputError(
            "proxy must be a URL such as http://host:port (http, https, socks5 or socks5h), or a "
            "httpx.Proxy"
        )
    return made


def proxy_secrets(given: httpx.Proxy | None) -> Iterator[str]:
    """What is secret about this proxy, or about those of the environment if it is None."""
    proxies = [given] if given is not None else list(_environment_proxies())
    for proxy in proxies:
        yield from proxy.headers.values()
        if proxy.auth is not None:
            user, password = proxy.auth
            both = f"{user}:{password}"
            yield from (password or user, both, base64.b64encode(both.encode()).decode())


def _environment_proxies() -> Iterator[httpx.Proxy]:
    for url in getproxies().values():
        try:
            yield httpx.Proxy(url)
        except (httpx.InvalidURL, ValueError):
            continue  # such as NO_PROXY, which is a list of hosts
