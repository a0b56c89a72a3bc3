"""Worker processes that read untrusted files: what hangs or crashes one costs no other.

Started as `python -c` with pickles over pipes rather than by `multiprocessing`, which would import
the user's script again in each process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Generic, ParamSpec, TypeVar

from mmrerank.environment import clean_environment
from mmrerank.errors import RerankError

__all__ = ["SpareWorkers", "Worker", "WorkerLostError", "in_worker", "serve"]

_START = "import sys; sys.path[:] = {path!r}; from mmrerank.worker import serve; serve()"

_DAY = 86400.0

_ORPHAN_TIMEOUT = 5.0  # seconds beyond a call's limit, after which no parent is there to end it

P = ParamSpec("P")

T = TypeVar("T")

AnyWorker = TypeVar("AnyWorker", bound="Worker")


class WorkerLostError(RerankError):
    """A call took longer than its time limit, or ended the process that ran it."""


class Worker:
    """One process, started by its first call, and again after it was lost.

    `environment` adds variables to those that such a process gets (`clean_environment`).
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._parent = os.getpid()
        self._environment = environment or {}

    @property
    def is_usable(self) -> bool:
        """False in a fork of the process that started it, which must not read its pipes."""
        return self._parent == os.getpid()

    def run(self, timeout: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function of a module, which has `timeout` seconds in the process.

        Raises the function's error (one that is not a `RerankError` as a RuntimeError), or
        `WorkerLostError` if it takes too long or ends the process.
        """
        process = self.start()
        timed_out = threading.Event()

        def end() -> None:
            timed_out.set()
            process.kill()

        timer = threading.Timer(timeout, end)
        timer.daemon = True
        timer.start()
        try:
            _write(_pipe(process.stdin), (function, args, kwargs, timeout + _ORPHAN_TIMEOUT))
            succeeded, value = pickle.load(_pipe(process.stdout))  # noqa: S301 - our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.stop()
            slow = f"took longer than {timeout:g} s"
            raise WorkerLostError(slow if timed_out.is_set() else "ended its process") from error
        except BaseException:  # Ctrl-C: the next call would be given the answer to this one
            self.stop()
            raise
        finally:
            timer.cancel()
        if succeeded:
            result: T = value
            return result
        raise value

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started now if it is not running yet."""
        if self._process is not None:
            return self._process
        code = _START.format(path=sys.path)
        command = [sys.executable, "-c", code]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # a file that takes over the library that reads it finds no keys
            env={**clean_environment(), **self._environment},
            start_new_session=True,  # Ctrl-C in a terminal is for the parent process alone
        )
        return self._process

    def close(self) -> None:
        """Let go of what the last calls left open in the process, which stays."""

    def interrupt(self) -> None:
        """End the process from another thread; a call that it runs raises `WorkerLostError`."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End the process; the next call starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not written yet
                _pipe(pipe).close()
        process.wait()


class SpareWorkers(Generic[AnyWorker]):
    """Idle processes, kept for the next caller: a start takes half a second or more.

    `make` makes a worker; at most `most` are kept, and none longer than `seconds` after the last
    one became idle (None: as long as this process runs).
    """

    def __init__(
        self, make: Callable[[], AnyWorker], *, most: int = 2, seconds: float | None = None
    ) -> None:
        self._make, self._most, self._seconds = make, most, seconds
        self._lock = threading.Lock()
        self._workers: list[AnyWorker] = []
        self._timer: threading.Timer | None = None
        atexit.register(self.stop)

    def __len__(self) -> int:
        return len(self._workers)

    def get(self) -> AnyWorker:
        """An idle process, or a new one."""
        with self._lock:
            self._workers = [worker for worker in self._workers if worker.is_usable]
            return self._workers.pop() if self._workers else self._make()

    def put(self, worker: AnyWorker) -> None:
        """Close what the worker has open, and keep the process or stop it."""
        try:
            worker.close()
        except RerankError:
            worker.stop()
        with self._lock:
            if len(self._workers) < self._most:
                self._workers.append(worker)
                self._stop_later()
                return
        worker.stop()

    def _stop_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._seconds is not None:
            self._timer = threading.Timer(self._seconds, self.stop)
            self._timer.daemon = True
            with contextlib.suppress(RuntimeError):  # this process ends, and all of them with it
                self._timer.start()

    def stop(self) -> None:
        """Stop all of them."""
        with self._lock:
            for worker in self._workers:
                if worker.is_usable:
                    worker.stop()
            self._workers.clear()


_serving = False


def in_worker() -> bool:
    """Is this process a worker, which starts no others?"""
    return _serving


def serve() -> None:
    """The worker process: answer calls from standard input until it ends.

    A call that takes longer than its limit ends the process, also within a library that lets no
    other thread run: the parent process, which should have ended it, may be gone.
    """
    global _serving  # noqa: PLW0603 - of a process there is one
    _serving = True
    # A library that prints must not write between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        try:
            function, args, kwargs, limit = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
        except EOFError:
            return
        _set_alarm(limit)
        answer = _answer(function, args, kwargs)
        _set_alarm(0)
        try:
            _write(answers, answer)
        except BrokenPipeError:  # the parent is gone; a last flush would only print an error
            os._exit(0)


def _answer(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[bool, Any]:
    """Whether the call succeeded, and its result or its error."""
    try:
        return True, function(*args, **kwargs)
    except RerankError as error:
        return False, error
    except Exception as error:  # libraries raise many kinds, and not all can be sent
        return False, RuntimeError(str(error) or type(error).__name__)


def _set_alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # not on Windows; its default is to end the process
        signal.setitimer(signal.ITIMER_REAL, min(seconds, _DAY))


def _pipe(stream: Any) -> BinaryIO:
    assert stream is not None
    return stream  # type: ignore[no-any-return]


def _write(stream: BinaryIO, value: object) -> None:
    stream.write(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    stream.flush()
