"""Fixtures of the server: each test has one of its own, on loopback."""

from __future__ import annotations

import pytest

for package in ("fastapi", "uvicorn", "prometheus_client"):
    pytest.importorskip(package)

from running import Gated, Process, Running


@pytest.fixture
def serve():
    """`serve(reranker, **settings)`: a running server; each is stopped at the end."""
    servers = []

    def start(reranker, *, wait: bool = True, **options) -> Running:
        running = Running(reranker if callable(reranker) else lambda: reranker, **options)
        servers.append(running)
        return running.ready() if wait else running

    yield start
    for running in servers:
        gate = getattr(getattr(running.service._scheduler, "reranker", None), "gate", None)
        if gate is not None:
            gate.set()
        running.stop()


@pytest.fixture
def gated() -> Gated:
    return Gated()


@pytest.fixture
def started(tmp_path):
    """`started(*arguments, **environment)`: a process that is ended with the test."""
    processes = []

    def start(*arguments: str, **environment: str) -> Process:
        processes.append(Process(*arguments, folder=tmp_path, **environment))
        return processes[-1]

    yield start
    for one in processes:
        one.process.kill()
        one.process.wait()
