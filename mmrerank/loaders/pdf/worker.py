"""Worker processes that read PDFs: a page that hangs or crashes its process costs no other page.

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
from collections.abc import Callable
from typing import Any, BinaryIO, Concatenate, NamedTuple, ParamSpec, TypeVar

from mmrerank.errors import RerankError
from mmrerank.loaders.environment import clean_environment
from mmrerank.loaders.pdf.page_reader import OpenPDF

__all__ = ["PDFFile", "PageLostError", "Worker", "serve", "spare_workers"]

_START = (
    "import sys; sys.path[:] = {path!r}; from mmrerank.loaders.pdf.worker import serve; serve()"
)

_MAX_SPARE = 2

_OPEN_TIMEOUT = 60.0  # seconds that a process has to start and to open a file

_DAY = 86400.0

_ORPHAN_TIMEOUT = 5.0  # seconds beyond a call's limit, after which no parent is there to end it

P = ParamSpec("P")

T = TypeVar("T")


class PageLostError(RerankError):
    """A page took longer than its time limit, or ended the process that read it."""


class PDFFile(NamedTuple):
    """A PDF to open: relative paths begin in `folder`, or in the process's own if it is None."""

    path: str
    password: str | None
    folder: str | None


class Worker:
    """One process, started by its first call, and again after it was lost."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._parent = os.getpid()
        self._file: PDFFile | None = None

    @property
    def is_usable(self) -> bool:
        """False in a fork of the process that started it, which must not read its pipes."""
        return self._parent == os.getpid()

    def open(self, file: PDFFile) -> None:
        """Open a PDF for the calls that follow; errors as `OpenPDF` and `call` raise them."""
        if self._file != file:
            self._file = None
            self._send(_Session.open, (file,), _OPEN_TIMEOUT)
            self._file = file

    def close(self) -> None:
        """Close the PDF; the process stays."""
        if self._file:
            self._send(_Session.close, (), _OPEN_TIMEOUT)
            self._file = None

    def call(
        self,
        method: Callable[Concatenate[OpenPDF, P], T],
        timeout: float,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The result of a method of the open PDF, which has `timeout` seconds.

        Raises the method's error, or `PageLostError` if it takes too long or ends the process.
        """
        result: T = self._send(_Session.call, (method, args, kwargs), timeout)
        return result

    def _send(self, method: Callable[..., Any], args: tuple[Any, ...], timeout: float) -> Any:
        process = self._process or self._start()
        timed_out = threading.Event()

        def end() -> None:
            timed_out.set()
            process.kill()

        timer = threading.Timer(timeout, end)
        timer.daemon = True
        timer.start()
        try:
            _write(_pipe(process.stdin), (method, args, timeout + _ORPHAN_TIMEOUT))
            succeeded, value = pickle.load(_pipe(process.stdout))  # noqa: S301 - our own process
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.stop()
            slow = f"took longer than {timeout:g} s"
            raise PageLostError(slow if timed_out.is_set() else "ended its process") from error
        finally:
            timer.cancel()
        if succeeded:
            return value
        raise value

    def _start(self) -> subprocess.Popen[bytes]:
        code = _START.format(path=sys.path)
        command = [sys.executable, "-c", code]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),  # a page that takes over MuPDF finds no keys
            start_new_session=True,  # Ctrl-C in a terminal is for the parent process alone
        )
        return self._process

    def stop(self) -> None:
        """End the process; the next call starts another."""
        process, self._process, self._file = self._process, None, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not written yet
                _pipe(pipe).close()
        process.wait()


class SpareWorkers:
    """Idle processes, kept for the next file: a start takes half a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: list[Worker] = []

    def get(self) -> Worker:
        """An idle process, or a new one."""
        with self._lock:
            self._workers = [worker for worker in self._workers if worker.is_usable]
            return self._workers.pop() if self._workers else Worker()

    def put(self, worker: Worker) -> None:
        """Close the worker's file, and keep the process or stop it."""
        try:
            worker.close()
        except RerankError:
            worker.stop()
        with self._lock:
            if len(self._workers) < _MAX_SPARE:
                self._workers.append(worker)
                return
        worker.stop()

    def stop(self) -> None:
        """Stop all of them."""
        with self._lock:
            for worker in self._workers:
                if worker.is_usable:
                    worker.stop()
            self._workers.clear()


spare_workers = SpareWorkers()

atexit.register(spare_workers.stop)


def serve() -> None:
    """The worker process: answer calls from standard input until it ends.

    A call that takes longer than its limit ends the process, also within a library that lets no
    other thread run: the parent process, which should have ended it, may be gone.
    """
    # A library that prints must not write between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    session = _Session()
    while True:
        try:
            method, args, limit = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
        except EOFError:
            return
        _set_alarm(limit)
        answer = _answer(session, method, args)
        _set_alarm(0)
        try:
            _write(answers, answer)
        except BrokenPipeError:  # the parent is gone; a last flush would only print an error
            os._exit(0)


class _Session:
    """What the worker process keeps between two calls: the PDF that is open."""

    def __init__(self) -> None:
        self._pdf: OpenPDF | None = None

    def open(self, file: PDFFile) -> None:
        self.close()
        if file.folder is not None:  # a spare process may have been started elsewhere
            os.chdir(file.folder)
        self._pdf = OpenPDF(file.path, file.password)

    def close(self) -> None:
        if self._pdf is not None:
            self._pdf.close()
            self._pdf = None

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return method(self._pdf, *args, **kwargs)


def _answer(
    session: _Session, method: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[bool, Any]:
    """Whether the call succeeded, and its result or its error."""
    try:
        return True, method(session, *args)
    except RerankError as error:
        return False, error
    except Exception as error:  # PyMuPDF raises many kinds, and not all can be sent
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
