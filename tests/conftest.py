"""Fixtures that more than one test file uses. No network, no key, no GPU."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from helpers import png


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path_factory):
    """Each test has a cache of its own, and no key of the person who runs it."""
    monkeypatch.setenv("MMRERANK_CACHE", str(tmp_path_factory.mktemp("cache")))
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Loopback and Unix sockets only."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test connects to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(params=["sync", "async"])
def mode(request):
    """Both ways of calling a reranker; see `scores_of` in tests/http/calling.py."""
    return request.param


@pytest.fixture
def no_waiting(monkeypatch):
    """Back-off without the waiting; what a service asks for is still waited for."""
    monkeypatch.setattr("mmrerank.http.retrying.random.uniform", lambda *_: 0.01)


@pytest.fixture
def image_root(tmp_path: Path) -> Path:
    """A folder with figures: words.png says "turbine torque", blank.png nothing."""
    root = tmp_path / "images"
    root.mkdir()
    (root / "words.png").write_bytes(png("turbine torque"))
    (root / "blank.png").write_bytes(png())
    return root
