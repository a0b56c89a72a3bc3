"""Documents a second of `mmrerank bulk` with one and two workers, beside `mmrerank index`.

    python benchmarks/bulk.py --documents 240

Small generated PDFs with a figure, HTML pages and notes, from a folder, into an index at an S3 that
runs on this machine. Each run has a new index and an empty cache. Processor time and memory are those of
all processes of a run, summed; memory is the sum of what each has for itself (PSS), sampled.
`commits` measures what a commit costs when several processes write at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/cli")]

from bulk_documents import fill
from object_storage import s3_server

COMMIT = """
import sys, time
from mmrerank.index.index import Index
from mmrerank.index.parts import indexing
from mmrerank.index.ledger import FileRecord
from mmrerank.loaders.base import Chunk
url, name, commits, rows = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Index(url, ocr=False) as index, index._writing() as indexer:
    writer = indexer._writer
    input()
    begun = time.monotonic()
    for i in range(commits):
        for j in range(rows):
            source = f"{name}/{i}/{j}.md"
            indexer.write(FileRecord(source, 1, 1, "", source), [Chunk(source, "granite", source, 0, 0)])
        writer.flush()
    print(time.monotonic() - begun, flush=True)
    __import__("os")._exit(0)
"""


class Watch:
    """Processor seconds and peak memory of a process and all below it."""

    def __init__(self, pid: int) -> None:
        self.process, self.cpu, self.peak = psutil.Process(pid), {}, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self) -> None:
        while not self.over.wait(0.25):
            total = 0
            try:
                processes = [self.process, *self.process.children(recursive=True)]
            except psutil.Error:
                continue
            for one in processes:
                try:
                    times = one.cpu_times()
                    self.cpu[one.pid] = times.user + times.system
                    total += one.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)

    def end(self) -> tuple[float, float]:
        self.over.set()
        self.thread.join()
        return sum(self.cpu.values()), self.peak / 2**20


def measure(*arguments: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MiB of a command."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "MMRERANK_CACHE": cache, "PYTHONPATH": str(ROOT)}
        begun = time.monotonic()
        command = [sys.executable, "-m", "mmrerank", *arguments]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        watch = Watch(process.pid)
        process.wait()
        wall = time.monotonic() - begun
        return wall, *watch.end()


def documents(options: argparse.Namespace, url: str) -> None:
    """A few documents show what a run costs at all, many what each further one costs."""
    print("| | of a few: seconds (processor) | each further one: a second (processor) | MiB |")
    print("|---|---|---|---|", flush=True)
    few, many = options.few, options.documents
    with tempfile.TemporaryDirectory() as folder:
        docs = {n: str(fill(Path(folder) / str(n), n)) for n in (few, many)}
        commands = {"index": lambda n: ["index", docs[n], "--store", f"{url}/i{n}"]}
        for w in (1, 2):
            commands[f"bulk, workers: {w}"] = lambda n, w=w: [
                "bulk", docs[n], "--index", f"{url}/b{w}-{n}", "--workers", str(w)
            ]  # fmt: skip
        for name, command in commands.items():
            before, after = (measure(*command(n), "--no-ocr") for n in (few, many))
            wall, cpu = (after[i] - before[i] for i in (0, 1))
            print(
                f"| {name} | {before[0]:.0f} ({before[1]:.0f}) | {(many - few) / wall:.1f} "
                f"({1000 * cpu / (many - few):.0f} ms) | {after[2]:.0f} |",
                flush=True,
            )


def commits(options: argparse.Namespace, url: str) -> None:
    print("| writers | rows a commit | commits a second, all together |\n|---|---|---|")
    for rows in (16, 200):
        for writers in (1, 2, 4):
            processes = [
                subprocess.Popen(
                    [sys.executable, "-c", COMMIT, f"{url}/c{writers}-{rows}", str(i),
                     str(options.commits), str(rows // 2)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
                for i in range(writers)
            ]  # fmt: skip
            time.sleep(15)
            for one in processes:
                one.stdin.write("\n")
                one.stdin.flush()
            seconds = max(float(one.communicate()[0]) for one in processes)
            rate = writers * options.commits / seconds
            print(f"| {writers} | {rows} | {rate:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["documents", "commits"], default="documents")
    parser.add_argument("--documents", type=int, default=240)
    parser.add_argument("--few", type=int, default=16)
    parser.add_argument("--commits", type=int, default=20)
    options = parser.parse_args()
    print("load:", *os.getloadavg())
    with s3_server() as s3:
        for name, value in s3.items():
            os.environ[name.upper() if name.startswith("aws") else f"AWS_{name.upper()}"] = value
        {"documents": documents, "commits": commits}[options.what](options, "s3://bucket/bench")


if __name__ == "__main__":
    main()
