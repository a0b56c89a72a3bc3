"""The pages of a PDF, read here or in worker processes."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from pdf_pages import (
    DATA,
    load,
)

from mmrerank.errors import (
    DocumentError,
)
from mmrerank.loaders.pdf import processes
from mmrerank.loaders.pdf.page import (
    PageOptions,
    Profile,
)
from mmrerank.loaders.pdf.processes import InWorkers, in_order, open_pages
from mmrerank.worker import WorkerLostError

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_processes_read_what_this_one_reads(book, root, workers):
    here = load(book, root, tables=True, page_images=True)
    assert load(book, root, tables=True, page_images=True, workers=workers) == here


@pytest.mark.parametrize("workers", [0, 1])
def test_calls_are_futures_with_their_own_types(report, workers):
    pages = open_pages(str(report), None, workers=workers, timeout=60)
    assert pages.info().result().page_count == 3
    assert pages.text(2).result().number == 2
    assert len(pages.figures(2, Profile(10.0), PageOptions()).result().regions) == 1
    assert pages.text(99).exception() is not None
    pages.close()


def test_a_file_that_cannot_be_opened_is_reported_by_the_first_call(tmp_path):
    with pytest.raises(DocumentError, match="does not exist"):
        open_pages(str(tmp_path / "no.pdf"), None, workers=0, timeout=60)
    pages = open_pages(str(tmp_path / "no.pdf"), None, workers=1, timeout=60)
    with pytest.raises(DocumentError, match="does not exist"):
        pages.info().result()
    pages.close()


def test_a_call_that_takes_too_long_is_stopped():
    pages = InWorkers(str(DATA / "pdf-damaged" / "slow.pdf"), None, 1, 0.01)
    with pytest.raises(WorkerLostError, match=r"took longer than 0.01 s"):
        pages.text(1).result()
    pages.close()


@pytest.mark.slow
def test_a_page_that_is_too_slow_costs_its_time_limit_once():
    pages = InWorkers(str(DATA / "pdf-damaged" / "slow.pdf"), None, 1, 0.05)
    for retry, seconds in ((False, "0.04"), (True, "0.01")):
        call = pages.figures(1, Profile(10.0), PageOptions(), retry=retry)
        with pytest.raises(WorkerLostError, match=f"took longer than {seconds} s"):
            call.result()
    pages.close()


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(book):
    pages = InWorkers(str(book), None, 1, 60.0)
    dying = pages._idle.get()
    dying.open(pages._file)
    dying._process.kill()
    pages._idle.put(dying)
    with pytest.raises(WorkerLostError, match="ended its process"):
        pages.info().result()
    assert pages.info().result().page_count == 4
    pages.close()


def test_figures_are_looked_for_where_the_text_was_read(book):
    pages = InWorkers(str(book), None, 2, 60.0)
    first, second = pages._idle.get(), pages._idle.get()
    pages._readers = {1: first, 2: second, 3: second}
    pages._waiting = [processes._Call(number, lambda worker: None) for number in (1, 2, 3, 4)]
    assert [pages._take(second).page for _ in range(4)] == [2, 3, 1, 4]
    assert pages._readers == {1: second, 2: second, 3: second, 4: second}
    pages._idle.put(first)
    pages._idle.put(second)
    pages.close()


def test_calls_that_have_not_begun_are_cancelled(book):
    pages = InWorkers(str(book), None, 1, 60.0)
    only = pages._idle.get()
    calls = [pages.text(number) for number in (1, 2, 3)]
    pages._threads.shutdown(wait=False, cancel_futures=True)
    pages._idle.put(only)
    pages.close()
    assert [call.cancelled() for call in calls] == [False, True, True]
    assert calls[0].result().number == 1


def test_in_order_starts_a_few_calls_ahead():
    started = []

    def start(item):
        started.append(item)
        future = Future()
        future.set_result(item * 10)
        return future

    results = in_order(range(20), start)
    assert next(results)[0] == 0
    assert 1 < len(started) < 12
    assert [(item, call.result()) for item, call in results] == [(i, i * 10) for i in range(1, 20)]
    assert started == list(range(20))
    assert list(in_order([], start)) == []
