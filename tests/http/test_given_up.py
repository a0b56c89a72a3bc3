"""Work that is given up: the call ends, and so does the process."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from calling import figures, reranker_for, scores_of, with_limits

from mmrerank import APITimeoutError, Content
from mmrerank.http import base

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
