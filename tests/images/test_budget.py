"""Threads decode together only as many pixels as the budget holds, in the order they came."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from mmrerank.images.budget import PixelBudget


def test_no_more_pixels_than_the_total_are_held_at_once():
    budget, lock = PixelBudget(10), threading.Lock()
    held, most = [0], [0]

    def work(pixels):
        with budget.reserve(pixels):
            with lock:
                held[0] += min(pixels, 10)
                most[0] = max(most[0], held[0])
            time.sleep(0.002)
            with lock:
                held[0] -= min(pixels, 10)

    threads = [threading.Thread(target=work, args=(pixels,)) for pixels in [4, 9, 1, 100, 3] * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most[0] <= 10


def test_what_fails_gives_its_pixels_back():
    budget = PixelBudget(10)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), budget.reserve(10):
            raise ValueError("x")
    with budget.reserve(10):
        pass


def test_a_large_image_is_not_passed_by_small_ones():
    budget, order = PixelBudget(10), []

    def work(name, pixels):
        with budget.reserve(pixels):
            order.append(name)

    with budget.reserve(5):
        large = threading.Thread(target=work, args=("large", 10))
        large.start()
        while not budget._waiting:
            time.sleep(0.001)
        small = threading.Thread(target=work, args=("small", 1))
        small.start()
        while len(budget._waiting) < 2:
            time.sleep(0.001)
    large.join(10)
    small.join(10)
    assert order == ["large", "small"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_another_thread_decodes_does_not_wait_for_it():
    budget, holds, end = PixelBudget(10), threading.Event(), threading.Event()

    def work():
        with budget.reserve(10):
            holds.set()
            end.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    holds.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # ends a child that waits
        with budget.reserve(10):
            os._exit(0)
    _, status = os.waitpid(child, 0)
    end.set()
    thread.join(10)
    assert status == 0
