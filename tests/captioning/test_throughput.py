"""Five hundred images at sixteen requests at once, with faults; and killed in between."""

from __future__ import annotations

import inspect
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import image_file

from mmrerank import Image
from mmrerank.captioning import Captioner, OpenAICaptions
from mmrerank.testing import LocalChatServer

pytestmark = pytest.mark.slow

COUNT, AT_ONCE, LATENCY = 500, 16, 0.2
KILLS = 6

SERVER = """
import sys
from mmrerank.testing import LocalChatServer, Refusal

faults = [Refusal(429, {"Retry-After": "0.1"}), Refusal(503, {"Retry-After": "0.1"})]
with LocalChatServer(about, latency=float(sys.argv[1]), fault_rate=0.1, random_faults=faults) as server:
    print(server.base_url, flush=True)
    sys.stdin.readline()
    print(len(server.requests), len(server.calls), flush=True)
"""


def about(request):
    """A caption that names the image by its width."""
    width = request.images[0].size[0]
    return {"text_in_image": [], "data_points": [], "brief": f"{width} wide", "detailed": "", "keywords": []}  # fmt: skip


@pytest.fixture
def files(tmp_path) -> list[Path]:
    paths = [tmp_path / f"{i:03}.png" for i in range(COUNT)]
    for i, path in enumerate(paths):
        path.write_bytes(image_file((100 + i, 80)))
    return paths


def times_the_ideal(files, cache) -> float:
    """How many times the ideal time all captions take; the server is a process of its own."""
    command = [sys.executable, "-c", inspect.getsource(about) + SERVER, str(LATENCY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # fmt: skip
        url = server.stdout.readline().strip()
        model = OpenAICaptions("m", base_url=url, api_key="test-key", max_retries=8)
        captioner = Captioner(model, cache=cache, max_concurrency=AT_ONCE)
        began = time.perf_counter()
        found = captioner.caption([Image.from_path(path) for path in files])
        took = time.perf_counter() - began
        model.close()
        captioner.cache.close()
        requests, calls = map(int, server.communicate("\n")[0].split())
    assert [one.caption.brief for one in found] == [f"{100 + i} wide" for i in range(COUNT)]
    assert calls == COUNT
    assert requests > COUNT
    return took / (requests * LATENCY / AT_ONCE)  # a request that fails takes its time, too


def test_five_hundred_images_within_1_3_times_the_ideal_time(files, tmp_path):
    ratios: list[float] = []
    while not ratios or (min(ratios) >= 1.3 and len(ratios) < 3):  # the machine may be busy
        ratios.append(times_the_ideal(files, tmp_path / f"cache{len(ratios)}.sqlite3"))
    assert min(ratios) < 1.3, ratios


WORKER = """
import sys
from pathlib import Path
from mmrerank import Image
from mmrerank.captioning import Captioner, OpenAICaptions
url, cache, folder = sys.argv[1:]
captioner = Captioner(
    OpenAICaptions("m", base_url=url, api_key="test-key", max_retries=8), cache=cache, max_concurrency=16
)
found = captioner.caption([Image.from_path(path) for path in sorted(Path(folder).glob("*.png"))])
print(sum(one.caption is not None for one in found))
"""


def test_killed_and_started_again_nothing_is_asked_twice_that_was_answered(files, tmp_path):
    cache, chance = tmp_path / "cache.sqlite3", random.Random(0)
    run = [sys.executable, "-c", WORKER]
    with LocalChatServer(about, latency=0.05) as server:
        command = [*run, server.base_url, str(cache), str(tmp_path)]
        for _ in range(KILLS):
            before = len(server.calls)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ)
            while process.poll() is None and len(server.calls) < before + 20:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(COUNT)
        twice = len(server.calls) - COUNT
        # What was under way when the process was killed had no answer yet.
        assert twice <= KILLS * AT_ONCE
        before = len(server.calls)
        subprocess.run(command, capture_output=True, check=True)
        assert len(server.calls) == before
