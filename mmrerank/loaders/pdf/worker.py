"""Worker processes that read PDFs: a page that hangs or crashes its process costs no other page."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from mmrerank.loaders.pdf.page_reader import OpenPDF
from mmrerank.worker import SpareWorkers, Worker

__all__ = ["PDFFile", "PDFWorker", "spare_workers"]

_OPEN_TIMEOUT = 60.0  # seconds that a process has to start and to open a file

P = ParamSpec("P")

T = TypeVar("T")


class PDFFile(NamedTuple):
    """A PDF to open: relative paths begin in `folder`, or in the process's own if it is None."""

    path: str
    password: str | None
    folder: str | None


class PDFWorker(Worker):
    """A process that has one PDF open."""

    def __init__(self) -> None:
        super().__init__()
        self._file: PDFFile | None = None

    def open(self, file: PDFFile) -> None:
        """Open a PDF for the calls that follow; errors as `OpenPDF` and `run` raise them."""
        if self._file != file:
            self._file = None
            self.run(_OPEN_TIMEOUT, _session.open, file)
            self._file = file

    def close(self) -> None:
        """Close the PDF; the process stays."""
        if self._file:
            self.run(_OPEN_TIMEOUT, _session.close)
            self._file = None

    def call(
        self,
        method: Callable[Concatenate[OpenPDF, P], T],
        timeout: float,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The result of a method of the open PDF, which has `timeout` seconds.

        Raises the method's error, or `WorkerLostError` if it takes too long or ends the process.
        """
        result: T = self.run(timeout, _session.call, method, args, kwargs)
        return result

    def stop(self) -> None:
        """End the process; the next call starts another, without a file."""
        self._file = None
        super().stop()


spare_workers = SpareWorkers(PDFWorker)


class _Session:
    """What the worker process keeps between two calls: the PDF that is open."""

    def __init__(self) -> None:
        self._pdf: OpenPDF | None = None

    def __reduce__(self) -> str:
        return "_session"  # the one of the process that unpickles it

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


_session = _Session()
