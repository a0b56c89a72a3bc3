"""Worker processes in general; those that read PDFs and images have tests of their own."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from mmrerank.errors import ImageError
from mmrerank.images.decode import decode_image
from mmrerank.worker import SpareWorkers, Worker, WorkerLostError, in_worker


def test_a_function_runs_in_the_process():
    worker = Worker({"MY_VARIABLE": "x"})
    assert worker.run(60, os.getenv, "MY_VARIABLE") == "x"
    assert worker.run(60, in_worker)
    assert not in_worker()
    with pytest.raises(ImageError, match=r"a\.png"):
        worker.run(60, decode_image, b"no image", "a.png", 100)
    with pytest.raises(RuntimeError, match="could not convert"):
        worker.run(60, float, "x")
    with pytest.raises(WorkerLostError, match=r"took longer than 0.2 s"):
        worker.run(0.2, time.sleep, 60)
    assert worker.run(60, os.getpid) != os.getpid()
    worker.stop()


def test_idle_workers_are_stopped_after_a_while():
    spare = SpareWorkers(Worker, seconds=0.2)
    worker = spare.get()
    process = worker.start()
    spare.put(worker)
    assert process.wait(20) is not None
    assert not spare
    used = spare.get()
    assert used is not worker
    assert used.run(60, in_worker)
    used.stop()


def test_an_interrupted_call_leaves_no_answer_for_the_next_one():
    # An interrupt is ignored where a shell runs the tests in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = Worker()
    worker.run(60, in_worker)  # its start takes longer than what follows
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        worker.run(60, time.sleep, 1)
    signal.signal(signal.SIGINT, before)
    assert worker.run(60, in_worker) is True
    worker.stop()
