"""Two writers and four readers on one index: nothing is lost and nothing is seen twice."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mmrerank.index.index import Index

pytestmark = pytest.mark.slow

SECONDS = 60

WRITER = """
import sys, time
from pathlib import Path
from mmrerank.index.index import Index
folder, docs, until = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
docs.mkdir(exist_ok=True)
round = 0
while time.time() < until:
    round += 1
    for i in range(4):
        (docs / f"file{i}.md").write_text(f"the harbour in round {round} of file {i} of {docs.name}")
    with Index(folder, ocr=False) as index:
        index.sync([docs])
print(round)
"""

READER = """
import sys, time
from mmrerank.index.index import Index
folder, until = sys.argv[1], float(sys.argv[2])
searches = 0
with Index(folder, ocr=False, create=False) as index:
    while time.time() < until:
        for route in (["words"], ["vectors"], ["words", "vectors"]):
            hits = index.search("lighthouse granite", top_n=50, routes=route)
            fixed = sorted(hit.source for hit in hits if "lighthouse" in hit.text)
            assert len(fixed) == 1, (route, fixed)
            hits = index.search("harbour", top_n=50, routes=route)
            sources = [hit.source for hit in hits if "harbour" in hit.text]
            assert len(set(sources)) == len(sources), (route, sorted(sources))
            searches += 1
print(searches)
"""


def test_a_minute_of_two_writers_and_four_readers(tmp_path):
    index = tmp_path / "index"
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fixed/lighthouse.md").write_text("the lighthouse stands on granite")
    with Index(index, ocr=False) as one:
        one.sync([tmp_path / "fixed"])
    until = str(time.time() + SECONDS)
    commands = [[WRITER, index, tmp_path / f"docs{i}", until] for i in range(2)]
    commands += [[READER, index, until] for _ in range(4)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    outputs = [process.communicate(timeout=SECONDS + 120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, [err for _, err in outputs]
    assert all(int(out) > 0 for out, _ in outputs)
    with Index(index, ocr=False) as one:
        assert one.check() == []
        assert len(one) == 9
