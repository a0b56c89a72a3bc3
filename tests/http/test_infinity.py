"""Infinity: what it is sent. `test_infinity_server.py` asks Infinity's own server."""

from __future__ import annotations

from calling import body_sent


def test_the_request_is_the_services():
    assert body_sent("infinity", "q", ["x"], model="m") == {
        "model": "m",
        "query": "q",
        "documents": ["x"],
        "return_documents": False,
        "raw_scores": False,
    }
