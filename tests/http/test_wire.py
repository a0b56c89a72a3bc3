"""What travels between a batch and its driver."""

from __future__ import annotations

from mmrerank.http.wire import Request


def test_a_request_shows_neither_key_nor_images():
    request = Request("http://localhost/rerank", {"Authorization": "Bearer geheim"}, b"base64")
    assert repr(request) == "Request(url='http://localhost/rerank')"
