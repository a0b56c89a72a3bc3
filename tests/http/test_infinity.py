"""Infinity: what it is sent. `test_infinity_server.py` asks Infinity's own server."""

from __future__ import annotations

import pytest
from calling import body_sent, make
from server_classes import Infinity

from mmrerank import RerankWarning
from mmrerank.testing import LocalRerankServer


def test_the_request_is_the_services():
    assert body_sent("infinity", "q", ["x"], model="m") == {
        "model": "m",
        "query": "q",
        "documents": ["x"],
        "return_documents": False,
        "raw_scores": False,
    }


def test_a_document_is_cut_to_what_the_server_takes():
    texts = ["turbine", "é" * 122_880, "turbine " + "x" * 200_000]
    usages = []
    with LocalRerankServer(dialect="infinity") as server, make("infinity", server) as made:
        made.on_usage = usages.append
        with pytest.warns(RerankWarning, match="longer than the service takes were cut: 1"):
            assert made.score("turbine", texts) == [1.0, 0.0, 1.0]
        Infinity.model_validate(server.requests[0])
        assert list(map(len, server.requests[0]["documents"])) == [7, 122_880, 122_880]
    assert usages[0].truncated == 1
