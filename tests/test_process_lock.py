"""One holder at a time, and a lock that ends with its process."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from mmrerank.errors import StoreError
from mmrerank.process_lock import process_lock

HOLD = """
import sys
from pathlib import Path
from mmrerank.process_lock import process_lock
with process_lock(Path(sys.argv[1]), timeout=5):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_of_another_process_is_waited_for_and_ends_with_it(tmp_path):
    lock, waits = tmp_path / "lock", []
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(StoreError, match="mine says"),
            process_lock(lock, timeout=0.1, on_wait=lambda: waits.append(1), busy="mine says"),
        ):
            pass
        threading.Timer(0.2, holder.kill).start()
        with process_lock(lock, timeout=20):
            pass
    assert waits == [1]


def test_threads_take_turns(tmp_path):
    inside: list[int] = []
    most: list[int] = []

    def work():
        for _ in range(5):
            with process_lock(tmp_path / "lock", timeout=20):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 15


def test_a_file_that_is_no_lock_is_a_store_error(tmp_path):
    (tmp_path / "lock").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="lock"), process_lock(tmp_path / "lock", timeout=1):
        pass
    with pytest.raises(StoreError), process_lock(tmp_path / "none/lock", timeout=1):
        pass
