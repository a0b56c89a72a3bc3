"""Work that is given up: the call ends, and so does the process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import wait

import pytest
from calling import figures, reranker_for, scores_of, with_limits

from mmrerank import APITimeoutError, Content
from mmrerank.http import base
from mmrerank.http.workers import run_all, run_in_thread

SCRIPT = """
import asyncio, time
from mmrerank import APITimeoutError, Content, Image, JinaReranker
from mmrerank.http import base
def slow(*args, **options):
    time.sleep(60)
base.encode_as_data_uri = slow
reranker = JinaReranker(api_key="k", base_url="http://127.0.0.1:1", deadline=0.3)
documents = [Content(images=[Image.from_bytes(PNG)])]
try:
    CALL
except APITimeoutError:
    print("late")
"""


@pytest.mark.parametrize(
    "call",
    ['reranker.score("x", documents)', 'asyncio.run(reranker.ascore("x", documents))'],
    ids=["sync", "async"],
)
def test_the_process_ends_while_an_image_is_encoded(call):
    (figure,) = figures(1)
    script = SCRIPT.replace("PNG", repr(figure.data)).replace("CALL", call)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50)  # fmt: skip
    assert (done.stdout, done.returncode) == ("late\n", 0), done.stderr
    assert time.monotonic() - start < 30


def test_the_deadline_holds_between_images(server, mode, monkeypatch):
    encoded = []

    def slowly(*args, **options):
        encoded.append(args)
        time.sleep(0.1)
        return "data:,"

    monkeypatch.setattr(base, "encode_as_data_uri", slowly)
    with reranker_for(server, deadline=0.35, max_concurrency=1) as reranker:
        with_limits(reranker, images=100)
        with pytest.raises(APITimeoutError, match=r"^jina-reranker-m0: "):
            scores_of(reranker, mode, "x", [Content(images=[one]) for one in figures(50)])
    time.sleep(0.5)
    assert 1 <= len(encoded) <= 5
    assert server.requests == []


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
