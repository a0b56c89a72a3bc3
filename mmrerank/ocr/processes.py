"""Reading many images at the same time, in processes of one thread each.

The engine gains little by a second thread, and pays for it: on two cores, 79 images of two
newsletters took 42 s of processor time with one thread and 75 s with two.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial

from mmrerank.errors import ImageError
from mmrerank.ocr.engine import ReadLine, read_lines
from mmrerank.threads import run_all
from mmrerank.types import Image
from mmrerank.worker import SpareWorkers, Worker, WorkerLostError, in_worker

__all__ = ["ReadImage", "process_count", "read_in_processes", "spare_workers"]

FEWEST_IMAGES = 4  # a process takes about two seconds of processor time to start

MOST_PROCESSES = 8  # each has the models, and up to 900 MB of memory

_TIMEOUT = 180.0  # seconds for an image; a page of small print takes ten on a slow machine

_IMAGES_PER_PROCESS = 100

_IDLE_SECONDS = 30.0  # then they are stopped: the next document's images may take that long

ReadImage = Callable[[Image, Callable[[bytes, str], list[ReadLine]]], list[ReadLine]]
"""Reads an image by a function that is given its bytes and its name."""


class _OCRWorker(Worker):
    """A process of one thread, which is replaced after many images.

    The engines keep memory for each size of a picture or a line: OpenVINO had 1.6 GB after 150.
    """

    def __init__(self) -> None:
        super().__init__({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        self._images = 0

    def close(self) -> None:
        self._images += 1
        if self._images % _IMAGES_PER_PROCESS == 0:
            self.stop()


spare_workers = SpareWorkers(_OCRWorker, most=MOST_PROCESSES, seconds=_IDLE_SECONDS)


def process_count() -> int:
    """How many processes read images: one for each processor that this process may use."""
    if in_worker():
        return 1
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return min(len(allowed) or os.cpu_count() or 1, MOST_PROCESSES)


@contextlib.contextmanager
def read_in_processes(
    images: Iterable[Image], read: ReadImage
) -> Iterator[list[Future[list[ReadLine]]]]:
    """The lines of each image, in order; no futures at all if processes do not pay.

    A future raises what `read` and `read_lines` raise, and `ImageError` for an image that ends
    its process or takes longer than three minutes. At the end of the context, what has not begun is
    cancelled, and what has is stopped: it raises `CancelledError`.
    """
    images = list(images)
    processes = min(process_count(), len(images) // 2)
    if processes < 2 or len(images) < FEWEST_IMAGES:
        yield []
        return
    batch = _Batch()
    stop = threading.Event()
    jobs = [partial(read, image, batch.read) for image in images]
    try:
        yield run_all(jobs, processes, stop)
    finally:
        stop.set()
        batch.stop()


class _Batch:
    """The processes that read the images of one batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[Worker] = set()
        self._stopped = False

    def read(self, data: bytes, name: str) -> list[ReadLine]:
        """As `read_lines`, in a process."""
        worker = spare_workers.get()
        try:
            with self._lock:  # from here on, `stop` finds a process that it can end
                if self._stopped:
                    raise CancelledError
                worker.start()
                self._busy.add(worker)
            return worker.run(_TIMEOUT, read_lines, data, name)
        except WorkerLostError as error:
            if self._stopped:
                raise CancelledError from error
            raise ImageError(name, f"its words cannot be read: OCR {error}") from error
        finally:
            with self._lock:
                self._busy.discard(worker)
            spare_workers.put(worker)

    def stop(self) -> None:
        """End the processes that still read an image."""
        with self._lock:
            self._stopped = True
            for worker in self._busy:
                worker.interrupt()
