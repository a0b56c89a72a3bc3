"""Processes that read PDFs: a page that hangs or crashes one is lost alone.

Started as `python -c` with pickles over pipes rather than by `multiprocessing`, which would import
the user's script again in each process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from mmrerank.errors import RerankError
from mmrerank.loaders.pdf.page_reader import OpenPDF

__all__ = ["Inline", "PageLostError", "Pages", "Processes", "open_pages", "serve"]

_START = (
    "import sys; sys.path[:] = {path!r}; from mmrerank.loaders.pdf.processes import serve; serve()"
)

_MOST_SPARE = 2

_OPENING = 60.0  # seconds that a process has to start and to open a file

_DAY = 86400.0

_ORPHANED = 5.0  # seconds beyond a call's time limit after which nobody is there to end its process


class PageLostError(RerankError):
    """A page took longer than its time, or ended the process that read it."""


class Pages(Protocol):
    """Runs the methods of an `OpenPDF`, here or in processes."""

    def submit(self, method: str, *args: Any) -> Future[Any]:
        """Start a call. Its future may raise `PageLostError`."""
        ...

    def close(self) -> None:
        """End the calls, and close the file."""
        ...


def open_pages(path: str, password: str | None, *, workers: int, timeout: float) -> Pages:
    """A PDF for reading in `workers` processes; 0 reads in this one, without a time limit."""
    return Processes(path, password, workers, timeout) if workers else Inline(path, password)


class Inline:
    """Calls run at once and in this process: nothing is started, nothing can be stopped."""

    def __init__(self, path: str, password: str | None) -> None:
        self._pdf = OpenPDF(path, password)

    def submit(self, method: str, *args: Any) -> Future[Any]:
        """As `Pages.submit`; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(getattr(self._pdf, method)(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Close the file."""
        self._pdf.close()


class Processes:
    """Calls run in worker processes, each with a time limit."""

    def __init__(self, path: str, password: str | None, workers: int, timeout: float) -> None:
        self._open = (path, password, _folder())
        self._timeout = timeout
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(_spare.get() or _Worker())
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="mmrerank-pdf")

    def submit(self, method: str, *args: Any) -> Future[Any]:
        """As `Pages.submit`; runs as soon as a process is free."""
        return self._threads.submit(self._run, method, args)

    def _run(self, method: str, args: tuple[Any, ...]) -> Any:
        worker = self._idle.get()
        try:
            if worker.opened != self._open:
                worker.ask("open", self._open, _OPENING)
                worker.opened = self._open
            return worker.ask(method, args, self._timeout)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Wait for calls that have begun, and keep a process for the next file."""
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            worker = self._idle.get()
            _spare.put(worker)


class _Worker:
    """One process, started when it is first asked, and again after it was lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self.opened: tuple[str, str | None, str | None] | None = None

    @property
    def is_usable(self) -> bool:
        """False in a fork of the process that started it, which must not read its pipes."""
        return self._owner == os.getpid()

    def ask(self, method: str, args: tuple[Any, ...], timeout: float) -> Any:
        """What the process answers. Raises its error, or `PageLostError` after the time limit."""
        process = self._process or self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            _write(_pipe(process.stdin), (method, args, timeout + _ORPHANED))
            worked, value = pickle.load(_pipe(process.stdout))  # noqa: S301 - our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.stop()
            reason = f"took longer than {timeout:g} s" if late.is_set() else "ended its process"
            raise PageLostError(reason) from error
        finally:
            timer.cancel()
        if worked:
            return value
        raise value

    def _start(self) -> subprocess.Popen[bytes]:
        code = _START.format(path=sys.path)
        command = [sys.executable, "-c", code]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the process above alone
        )
        return self._process

    def stop(self) -> None:
        """End the process; the next call starts another."""
        process, self._process, self.opened = self._process, None, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not written yet
                _pipe(pipe).close()
        process.wait()


class _Spare:
    """Processes without work, kept for the next file: a start takes half a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []

    def get(self) -> _Worker | None:
        with self._lock:
            self._workers = [worker for worker in self._workers if worker.is_usable]
            return self._workers.pop() if self._workers else None

    def put(self, worker: _Worker) -> None:
        try:
            if worker.opened:
                worker.ask("close", (), _OPENING)
                worker.opened = None
        except RerankError:
            worker.stop()
        with self._lock:
            if len(self._workers) < _MOST_SPARE:
                self._workers.append(worker)
                return
        worker.stop()

    def stop(self) -> None:
        with self._lock:
            for worker in self._workers:
                if worker.is_usable:
                    worker.stop()
            self._workers.clear()


_spare = _Spare()

atexit.register(_spare.stop)


def _folder() -> str | None:
    """The working folder, which relative paths begin from; None where it was removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


def _pipe(stream: Any) -> BinaryIO:
    assert stream is not None
    return stream  # type: ignore[no-any-return]


def _write(stream: BinaryIO, value: object) -> None:
    stream.write(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    stream.flush()


def serve() -> None:
    """The worker process: answer calls from standard input until it ends.

    A call that takes longer than its seconds ends the process, also within a library that lets no
    other thread run: the process above, which should have done so, may be gone.
    """
    # A library that prints must not write between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    session = _Session()
    while True:
        try:
            method, args, limit = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process above
        except EOFError:
            return
        _alarm(limit)
        answer = _answer(session.call, method, args)
        _alarm(0)
        try:
            _write(answers, answer)
        except BrokenPipeError:  # the process above is gone; a last flush would only tell so
            os._exit(0)


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # not on Windows; its default is to end the process
        signal.setitimer(signal.ITIMER_REAL, min(seconds, _DAY))


def _answer(call: Callable[..., Any], method: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, call(method, *args)
    except RerankError as error:
        return False, error
    except Exception as error:  # PyMuPDF raises many kinds, and not all can be sent
        return False, RuntimeError(str(error) or type(error).__name__)


class _Session:
    def __init__(self) -> None:
        self._pdf: OpenPDF | None = None

    def call(self, method: str, *args: Any) -> Any:
        if method in ("open", "close"):
            if self._pdf is not None:
                self._pdf.close()
                self._pdf = None
            if method == "open":
                path, password, folder = args
                if folder is not None:  # a spare process may have been started elsewhere
                    os.chdir(folder)
                self._pdf = OpenPDF(path, password)
            return None
        return getattr(self._pdf, method)(*args)
