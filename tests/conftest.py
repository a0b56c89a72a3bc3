"""Fixtures that more than one test file uses. No network, no key, no GPU."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from helpers import png


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory) -> Path:
    """Words that OCR has read: tests with the same image need not read it again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(tmp_path_factory) -> Path:
    """Asked for by a test that counts on a cache in which nothing has been read."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def environment(request):
    """A cache that is not the user's, and none of their keys.

    The cache is the session's, or the test's own if it asks for `own_cache` or patches anything:
    what a patched function returns must not reach other tests.
    """
    is_isolated = {"own_cache", "monkeypatch"} & set(request.fixturenames)
    cache = request.getfixturevalue("own_cache" if is_isolated else "session_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMRERANK_CACHE", str(cache))
        for name in [name for name in os.environ if name.endswith("_API_KEY")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def no_network():
    """Loopback and Unix sockets only."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test connects to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


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
