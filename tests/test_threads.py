"""Threads that nobody has to wait for: results in order, and nothing begins after the stop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait

from mmrerank.threads import run_all, run_in_thread


def test_results_and_errors_come_in_order():
    def fail():
        raise KeyError("x")

    futures = run_all([lambda: 1, fail, lambda: 3], 2, threading.Event())
    wait(futures)
    assert (futures[0].result(), futures[2].result()) == (1, 3)
    assert isinstance(futures[1].exception(), KeyError)
    assert run_in_thread(lambda: 4).result() == 4


def test_nothing_begins_after_the_stop():
    stop = threading.Event()
    futures = run_all([stop.set, lambda: 1, lambda: 2], 1, stop)
    assert wait_all_done(futures)
    assert [future.cancelled() for future in futures] == [False, True, True]


def wait_all_done(futures):
    end = time.monotonic() + 5
    while time.monotonic() < end and not all(future.done() for future in futures):
        time.sleep(0.01)
    return all(future.done() for future in futures)
