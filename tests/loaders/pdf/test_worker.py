"""Worker processes: they are stopped, replaced and kept, and never outlive their parent."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from pdf_pages import (
    DAMAGED,
)

from mmrerank import worker
from mmrerank.errors import (
    DocumentError,
)
from mmrerank.loaders.pdf import worker as pdf_worker
from mmrerank.loaders.pdf.page_reader import OpenPDF
from mmrerank.loaders.pdf.worker import PDFFile, PDFWorker
from mmrerank.worker import SpareWorkers, WorkerLostError

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")


@pytest.fixture
def slow():
    opened = PDFWorker()
    opened.open(PDFFile(str(DAMAGED / "slow.pdf"), None, None))
    yield opened
    opened.stop()


def test_calls_return_results_and_raise_errors(report):
    made = PDFWorker()
    made.open(PDFFile(str(report), None, None))
    assert made.call(OpenPDF.info, 60).page_count == 3
    assert made.call(OpenPDF.text, 60, 2).number == 2
    with pytest.raises(RuntimeError):
        made.call(OpenPDF.text, 60, 99)
    with pytest.raises(DocumentError, match="does not exist"):
        made.open(PDFFile("missing.pdf", None, None))
    made.open(PDFFile("report.pdf", None, str(report.parent)))
    assert made.call(OpenPDF.info, 60).page_count == 3
    made.stop()


def environment_names(_pdf):
    """Called in the worker, which finds it as a method of the PDF."""
    return dict(os.environ)


def test_a_worker_inherits_no_keys(report, monkeypatch):
    secrets = ("JINA_API_KEY", "HF_TOKEN", "AWS_PROFILE", "DATABASE_URL", "HTTPS_PROXY", "MY_PW")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.syspath_prepend(Path(__file__).parent)  # where the worker finds the function
    made = PDFWorker()
    made.open(PDFFile(str(report), None, None))
    found = made.call(environment_names, 60)
    made.stop()
    assert not set(secrets) & found.keys()
    assert "secret" not in found.values()
    assert found["LC_ALL"] == "C.UTF-8"
    assert found["ORT_DISABLE_TELEMETRY"] == "0"  # a user's own value


def test_a_worker_sends_no_telemetry(report, monkeypatch):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.syspath_prepend(Path(__file__).parent)
    made = PDFWorker()
    made.open(PDFFile(str(report), None, None))
    assert made.call(environment_names, 60)["ORT_DISABLE_TELEMETRY"] == "1"
    made.stop()


def test_a_call_that_takes_too_long_ends_the_process_and_the_next_starts_another(slow):
    lost = slow._process
    with pytest.raises(WorkerLostError, match=r"took longer than 0.01 s"):
        slow.call(OpenPDF.text, 0.01, 1)
    assert lost.wait(20) == -signal.SIGKILL
    slow.open(PDFFile(str(DAMAGED / "slow.pdf"), None, None))
    assert slow.call(OpenPDF.info, 60).page_count == 1


def test_a_worker_that_dies_is_reported(slow):
    slow._process.kill()
    with pytest.raises(WorkerLostError, match="ended its process"):
        slow.call(OpenPDF.info, 60)


def send(process, limit):
    call = (pdf_worker._session.call, (OpenPDF.text, (1,), {}), {}, limit)
    worker._write(process.stdin, call)


def test_a_worker_whose_parent_is_gone_ends_in_silence(slow, capfd):
    process = slow._process
    send(process, 60)
    process.stdout.close()
    process.stdin.close()
    assert process.wait(20) == 0
    assert not capfd.readouterr().err


def test_a_worker_whose_parent_is_gone_hangs_on_no_page(slow):
    send(slow._process, 0.01)
    assert slow._process.wait(20) == -signal.SIGALRM


def test_spare_workers_are_used_again_and_are_few(report):
    spare = SpareWorkers(PDFWorker)
    workers = [spare.get() for _ in range(3)]
    workers[0].open(PDFFile(str(report), None, None))
    process = workers[0]._process
    for one in workers:
        spare.put(one)
    assert [spare.get(), spare.get()] == [workers[1], workers[0]]
    assert workers[0]._process is process
    assert spare.get() not in workers
    workers[0].stop()
    assert process.poll() is not None


def test_a_fork_does_not_use_its_parents_workers(monkeypatch):
    spare = SpareWorkers(PDFWorker)
    parents = spare.get()
    spare.put(parents)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not parents.is_usable
    assert spare.get() is not parents
