"""The pages of a PDF, read in this process or in worker processes, as futures."""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from mmrerank.loaders.pdf.page import Block, PageFigures, PageOptions, PageText, PDFInfo, Profile
from mmrerank.loaders.pdf.page_reader import OpenPDF
from mmrerank.loaders.pdf.worker import PDFFile, PDFWorker, spare_workers

__all__ = ["InThisProcess", "InWorkers", "Pages", "in_order", "open_pages"]

_RETRY_SHARE = 0.2  # of a page's time limit is kept for its own image and links, if it is too slow

_AHEAD = 8  # calls that are started before the result of the first one is used

P = ParamSpec("P")

T = TypeVar("T")

Item = TypeVar("Item")


class Pages(ABC):
    """The pages of an open PDF, numbered from 1. Each call returns a future at once.

    A future raises what the method of `OpenPDF` raises (in workers, errors that are not a
    `RerankError` become a RuntimeError), and `WorkerLostError` for a page that takes too long.
    """

    def info(self) -> Future[PDFInfo]:
        """The number of pages, and the outline."""
        return self._submit(None, 1.0, OpenPDF.info)

    def text(self, number: int) -> Future[PageText]:
        """The text of a page."""
        return self._submit(number, 1.0, OpenPDF.text, number)

    def figures(
        self, number: int, profile: Profile, options: PageOptions, *, retry: bool = False
    ) -> Future[PageFigures]:
        """The figures and links of a page, drawn and saved if the options name a root.

        The first call and a `retry` share the time limit, which a page costs once.
        """
        share = _RETRY_SHARE if retry else 1 - _RETRY_SHARE
        return self._submit(number, share, OpenPDF.figures, number, profile, options)

    def figures_inside(
        self, number: int, blocks: Sequence[Block], body_size: float, options: PageOptions
    ) -> Future[PageFigures]:
        """The figures inside a page that is one picture, as `OpenPDF.figures_inside` has them."""
        return self._submit(number, 1.0, OpenPDF.figures_inside, number, blocks, body_size, options)

    @abstractmethod
    def close(self) -> None:
        """Wait for calls that have begun, cancel the others, and close the file."""

    @abstractmethod
    def _submit(
        self,
        page: int | None,
        share: float,
        method: Callable[Concatenate[OpenPDF, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[T]:
        """Start a call of a method of the PDF, about a page or about the whole document.

        It may take `share` (0 to 1) of the time limit.
        """


def open_pages(path: str, password: str | None, *, workers: int, timeout: float) -> Pages:
    """A PDF for reading in `workers` processes, each page within `timeout` seconds.

    0 workers read in this process, without a time limit: opening raises `DocumentError` then. In
    workers the file is opened by the first call, whose future raises it.
    """
    if workers:
        return InWorkers(path, password, workers, timeout)
    return InThisProcess(path, password)


class InThisProcess(Pages):
    """Calls run at once in this process: nothing is started, and nothing can be stopped."""

    def __init__(self, path: str, password: str | None) -> None:
        self._pdf = OpenPDF(path, password)

    def close(self) -> None:
        """Close the file."""
        self._pdf.close()

    def _submit(
        self,
        page: int | None,
        share: float,
        method: Callable[Concatenate[OpenPDF, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(method(self._pdf, *args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(eq=False, slots=True)
class _Call:
    """A call that waits for a worker; `page` is the page that it is about, if any."""

    page: int | None
    run: Callable[[PDFWorker], Any]
    future: Future[Any] = field(default_factory=Future)


class InWorkers(Pages):
    """Calls run in worker processes, each with a time limit in seconds.

    A process prefers calls about pages whose text it has read: another one would have to read the
    text again to find their figures.
    """

    def __init__(self, path: str, password: str | None, workers: int, timeout: float) -> None:
        self._file = PDFFile(path, password, _current_folder())
        self._timeout = timeout
        self._idle: queue.SimpleQueue[PDFWorker] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(spare_workers.get())
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="mmrerank-pdf")
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._readers: dict[int, PDFWorker] = {}

    def close(self) -> None:
        """Wait for calls that have begun, cancel the others, and keep the processes."""
        self._threads.shutdown(cancel_futures=True)
        for call in self._waiting:
            call.future.cancel()
        while not self._idle.empty():
            spare_workers.put(self._idle.get())

    def _submit(
        self,
        page: int | None,
        share: float,
        method: Callable[Concatenate[OpenPDF, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[T]:
        def run(worker: PDFWorker) -> T:
            worker.open(self._file)
            return worker.call(method, share * self._timeout, *args, **kwargs)

        call = _Call(page, run)
        with self._lock:
            self._waiting.append(call)
        self._threads.submit(self._run_next)
        return call.future

    def _run_next(self) -> None:
        """Run one of the calls that wait. There is a task with this method for each of them."""
        worker = self._idle.get()
        call = self._take(worker)
        try:
            call.future.set_result(call.run(worker))
        except Exception as error:
            call.future.set_exception(error)
        finally:
            self._idle.put(worker)

    def _take(self, worker: PDFWorker) -> _Call:
        """The first call about a page that this worker has read, or else the first of all."""
        with self._lock:
            own = (call for call in self._waiting if self._reader(call) is worker)
            call = next(own, self._waiting[0])
            self._waiting.remove(call)
            if call.page is not None:
                self._readers[call.page] = worker
        return call

    def _reader(self, call: _Call) -> PDFWorker | None:
        return None if call.page is None else self._readers.get(call.page)


def in_order(
    items: Iterable[Item], start: Callable[[Item], Future[T]]
) -> Iterator[tuple[Item, Future[T]]]:
    """Each item with its call, in order; a few calls are started ahead of the one in use."""
    waiting: deque[tuple[Item, Future[T]]] = deque()
    for item in items:
        waiting.append((item, start(item)))
        if len(waiting) >= _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _current_folder() -> str | None:
    """The working folder, in which relative paths begin; None if it was removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return None
