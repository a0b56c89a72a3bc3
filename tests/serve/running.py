"""A real server on loopback, in a thread of the test or in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from mmrerank.errors import RerankError
from mmrerank.serve.app import make_app
from mmrerank.serve.server import Server, listen
from mmrerank.serve.service import Service
from mmrerank.serve.settings import Settings
from mmrerank.testing import FakeReranker
from mmrerank.types import Scored


class Gated(FakeReranker):
    """Scores once its gate is open; `entered` tells that it waits there."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.gate, self.entered = threading.Event(), threading.Event()

    def _score(self, query, documents) -> list[Scored]:
        self.entered.set()
        assert self.gate.wait(30)
        return super()._score(query, documents)


class Running:
    """A server in a thread."""

    def __init__(self, load, *, open_index=None, **options) -> None:
        self.error: RerankError | None = None
        self.service = Service(load, Settings(**{"name": "tested"} | options), open_index)
        listener = listen("127.0.0.1", 0, has_keys=True)
        self.address = listener.getsockname()
        self.url = "http://{}:{}".format(*self.address)
        self.server = Server(make_app(self.service), self.service)
        self._thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        self._thread.start()

    def _serve(self, listener) -> None:
        try:
            self.server.serve_on(listener)
        except RerankError as error:
            self.error = error

    def wait_until(self, condition, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the server did not get there in time"
            time.sleep(0.01)

    def ready(self) -> Running:
        self.wait_until(lambda: self.service.is_ready)
        return self

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


class Process:
    """`mmrerank serve` as a user starts it."""

    def __init__(self, *arguments: str, folder: Path, **environment: str) -> None:
        self._messages, self._logs = folder / "messages.txt", folder / "logs.txt"
        with self._messages.open("wb") as messages, self._logs.open("wb") as logs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mmrerank", "serve", *arguments, "--port", "0"],
                stdout=logs,
                stderr=messages,
                env=os.environ | environment,
            )

    @property
    def messages(self) -> str:
        return self._messages.read_text(encoding="utf-8")

    @property
    def logs(self) -> str:
        return self._logs.read_text(encoding="utf-8")

    def ready(self, seconds: float = 120.0) -> str:
        """The address, once the model is loaded."""
        end = time.monotonic() + seconds
        while "\nready" not in self.messages:
            assert self.process.poll() is None, self.messages
            assert time.monotonic() < end, self.messages
            time.sleep(0.05)
        return re.search(r"http://\S+", self.messages)[0]

    def end(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)
