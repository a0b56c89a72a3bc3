"""Fixtures of the tests of the HTTP rerankers."""

from __future__ import annotations

import pytest
from calling import wait_until

from mmrerank.testing import LocalRerankServer


@pytest.fixture
def server():
    """A test server that must have no connection open at its end, and have known every field."""
    with LocalRerankServer() as made:
        yield made
        assert made.ignored == []
        made.stopping.set()
        assert wait_until(lambda: made.connections == 0)
