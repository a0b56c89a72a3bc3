"""The opener of URLs, against a real server on loopback."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers import png

from mmrerank import ImageError
from mmrerank.fetch import fetch_image


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/image":
            self._send(200, {"Content-Type": "image/png"}, png())
        elif self.path == "/html":
            self._send(200, {"Content-Type": "text/html"}, b"<html>")
        elif self.path == "/large":
            self._send(200, {"Content-Type": "image/png"}, b"x" * 100_000)
        elif self.path == "/loop":
            self._send(302, {"Location": "/loop"}, b"")
        elif self.path == "/once":
            self._send(302, {"Location": "/image"}, b"")
        elif self.path == "/file":
            self._send(302, {"Location": "file:///etc/passwd"}, b"")
        elif self.path == "/slow":
            time.sleep(0.6)
            self._send(200, {"Content-Type": "image/png"}, png())
        else:
            self._send(404, {}, b"")

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
    ],
)
def test_everything_else_is_refused(server, path, reason):
    limit = 0.3 if path == "/slow" else 20
    with pytest.raises(ImageError, match=reason):
        fetch_image(f"{server}{path}", allow_private=True, max_bytes=50_000, timeout=limit)


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
    ],
)
def test_private_addresses_are_refused(url):
    with pytest.raises(ImageError, match="not a public address"):
        fetch_image(url)
