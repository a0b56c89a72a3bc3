"""The opener of URLs, against a real server on loopback."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers import png

from mmrerank import ImageError
from mmrerank.images.fetch import _is_public, fetch_image

PNG = {"Content-Type": "image/png"}
ANSWERS = {
    "/image": (200, PNG, png()),
    "/html": (200, {"Content-Type": "text/html"}, b"<html>"),
    "/svg": (200, {"Content-Type": "image/svg+xml"}, b"<svg/>"),
    "/large": (200, PNG, b"x" * 100_000),
    "/packed": (200, {**PNG, "Content-Encoding": "gzip"}, gzip.compress(bytes(10_000_000))),
    "/loop": (302, {"Location": "/loop"}, b""),
    "/once": (302, {"Location": "/image"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/private": (302, {"Location": "http://169.254.169.254/latest"}, b""),
    "/nowhere": (302, {}, b""),
}


class Handler(BaseHTTPRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):  # who asked had enough, as the tests want
            super().handle()

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith("/drip"):
            self._drip(in_body=path == "/drip-body")
        elif path == "/headers":
            self._send(200, PNG, str(self.headers).encode())
        elif path == "/slow":
            time.sleep(0.6)
            self._send(200, PNG, png())
        else:
            self._send(*ANSWERS.get(path, (404, {}, b"")))

    def _drip(self, *, in_body):
        if in_body:
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
        for _ in range(20):
            self.wfile.write(b"X-Drop: 1\r\n")
            self.wfile.flush()
            time.sleep(0.05)

    def _send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_an_image_is_fetched_also_after_a_redirect(server):
    assert fetch_image(f"{server}/image", allow_private=True) == png()
    assert fetch_image(f"{server}/once", allow_private=True) == png()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/html", "text/html"),
        ("/large", "larger than"),
        ("/loop", "redirects more"),
        ("/file", "not http"),
        ("/none", "404"),
        ("/slow", "in time"),
        ("/drip", "in time"),
        ("/drip-body", "in time"),
        ("/svg", "svg"),
        ("/packed", "compressed"),
        ("/nowhere", "without a location"),
    ],
)
def test_everything_else_is_refused(server, path, reason):
    timeout = 0.3 if reason == "in time" else 10
    with pytest.raises(ImageError, match=reason):
        fetch_image(f"{server}{path}", allow_private=True, max_bytes=50_000, timeout=timeout)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.png",
        "http://localhost/x.png",
        "http://[::1]/x.png",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x.png",
        "http://192.168.1.1/x.png",
        "http://0.0.0.0/x.png",
        "http://2130706433/x.png",
        "http://[64:ff9b::7f00:1]/x.png",
        "http://[2002:7f00:1::]/x.png",
        "http://[fe80::1]/x.png",
        "http://[fd00::1]/x.png",
        "http://224.0.0.1/x.png",
        "http://100.64.0.1/x.png",
    ],
)
def test_private_addresses_are_refused(url):
    with pytest.raises(ImageError, match="not a public address"):
        fetch_image(url)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"]
)
def test_public_addresses_are_allowed(address):
    assert _is_public(address)


def resolve_to(monkeypatch, addresses):
    """Let the name `images.example` mean these, one set of addresses after the other."""
    found = socket.getaddrinfo

    def resolve(host, port, *args, **options):
        if host == "images.example":
            named = addresses.pop(0) if len(addresses) > 1 else addresses[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in named]
        return found(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    resolve_to(monkeypatch, [["8.8.8.8", "10.0.0.1"]])
    with pytest.raises(ImageError, match=r"10\.0\.0\.1"):
        fetch_image("http://images.example/x.png")


def test_a_redirect_to_a_private_address_is_refused(server, monkeypatch):
    monkeypatch.setattr("mmrerank.images.fetch._is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(ImageError, match=r"169\.254\.169\.254, which is not a public"):
        fetch_image(f"{server}/private")


def test_a_name_is_resolved_once_and_connected_to_as_it_was_checked(server, monkeypatch):
    port = server.rpartition(":")[2]
    resolve_to(monkeypatch, [["127.0.0.1"], ["10.0.0.1"]])
    asked = fetch_image(f"http://images.example:{port}/headers", allow_private=True).decode()
    assert f"Host: images.example:{port}" in asked


def test_no_secret_of_ours_goes_along(server, monkeypatch):
    monkeypatch.setenv("JINA_API_KEY", "hidden")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    asked = fetch_image(f"{server}/headers", allow_private=True).decode().lower()
    assert "authorization" not in asked
    assert "hidden" not in asked
    assert "cookie" not in asked


def test_a_signature_shows_in_no_error(server):
    for path in ("/none", "/html", "/loop"):
        with pytest.raises(ImageError) as caught:
            fetch_image(f"{server}{path}?signature=hidden", allow_private=True)
        assert "hidden" not in str(caught.value)


def test_passwords_and_odd_urls_are_refused():
    for url in ("http://user:secret@example.org/x.png", "http://[", "file:///etc/passwd", "//x"):
        with pytest.raises(ImageError) as caught:
            fetch_image(url)
        assert "secret" not in str(caught.value)


def test_nothing_stays_open(server):
    before = threading.active_count()
    for _ in range(5):
        fetch_image(f"{server}/image", allow_private=True)
    assert threading.active_count() <= before + 2  # the server's own, about to end


@pytest.mark.parametrize(
    "address",
    ["168.63.129.16", "::8.8.8.8", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::808:808", "fec0::1", "2002:a83f:8110::"],
)  # fmt: skip
def test_addresses_that_only_look_public_are_refused(address):
    assert not _is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://xn--a/x.png", "http://\ud800.example/x.png", "http://a\u0338\u200d.example/", "http://[::1/", "http://x:99999999/", "http://" + "a" * 70 + ".example/", "http://a..b/", "http://\x7f/"],
)  # fmt: skip
def test_hosts_that_are_no_names_are_image_errors(server, url, monkeypatch):
    with pytest.raises(ImageError):
        fetch_image(url, timeout=2)
    monkeypatch.setitem(ANSWERS, "/odd", (302, {"Location": url.encode("utf-8", "replace").decode("latin-1")}, b""))  # fmt: skip
    with pytest.raises(ImageError):
        fetch_image(f"{server}/odd", allow_private=True, timeout=2)


def test_a_redirect_adds_no_password(server, monkeypatch):
    target = server.replace("http://", "http://user:secret@")
    monkeypatch.setitem(ANSWERS, "/password", (302, {"Location": f"{target}/image"}, b""))
    with pytest.raises(ImageError, match="user name or password") as caught:
        fetch_image(f"{server}/password", allow_private=True)
    assert "secret" not in str(caught.value)
