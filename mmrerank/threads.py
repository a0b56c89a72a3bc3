"""Threads that nobody has to wait for: they end with the process, whatever they are doing.

`concurrent.futures` and `asyncio.to_thread` wait for their threads when the process ends, and so
would wait for the images of a call that was given up at its deadline.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["run_all", "run_in_thread"]

T = TypeVar("T")


def run_in_thread(function: Callable[[], T]) -> Future[T]:
    """The result of `function`, which runs in a daemon thread with the caller's context."""
    return run_all([function], 1, threading.Event())[0]


def run_all(
    functions: Sequence[Callable[[], T]], threads: int, stop: threading.Event
) -> list[Future[T]]:
    """The results of `functions`, which begin in order, in at most `threads` daemon threads.

    Once `stop` is set, no other function begins, and the futures of those left are cancelled.
    """
    futures: list[Future[T]] = [Future() for _ in functions]
    jobs = iter(list(zip(futures, functions, strict=True)))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                job = next(jobs, None)
            if job is None:
                return
            _run(*job, stop)

    for _ in range(min(threads, len(futures))):
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), name="mmrerank", daemon=True).start()
    return futures


def _run(future: Future[T], function: Callable[[], T], stop: threading.Event) -> None:
    if stop.is_set():
        future.cancel()
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # raised by whoever asks for the result
        future.set_exception(error)
    else:
        future.set_result(result)
