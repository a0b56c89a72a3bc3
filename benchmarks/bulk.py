"""Documents a second of `mmrerank bulk` with one and two workers, beside `mmrerank index`.

    python benchmarks/bulk.py --documents 240
    python benchmarks/bulk.py beside --other ../before --workers 2 4

Small generated PDFs with a figure, HTML pages and notes, from a folder, into an index at an S3 that
runs on this machine. Each run has a new index and an empty cache. Processor time and memory are those of
all processes of a run, summed; memory is the sum of what each has for itself (PSS), sampled.
`commits` measures writers that do nothing else: each commits its batches, or leaves that to one
process; `sizes` measures what a commit costs by its rows and those of the table. `beside` runs `bulk` of another checkout in turn with this one,
at S3 and in a folder (file://), and counts the commits.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import lancedb
import numpy as np
import psutil
import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/cli")]

from bulk_documents import fill
from object_storage import s3_server

from mmrerank.bulk.committer import Committer
from mmrerank.bulk.job import BatchResult
from mmrerank.bulk.staging import StagingArea
from mmrerank.index.index import Index
from mmrerank.index.lance.ledger import LanceLedger
from mmrerank.index.lance.rows import aligned, entry_schema, number_of
from mmrerank.index.lance.storage import Place
from mmrerank.index.lance.table import Table, any_of
from mmrerank.index.lance.vectors import LanceVectors
from mmrerank.index.lance.writer import LanceWriter
from mmrerank.index.ledger import FileRecord
from mmrerank.loaders.base import Chunk

FILES = 8  # of two rows each, in a batch

WRITER = """
import json, os, sys, time
from mmrerank.bulk.source import Document
from mmrerank.bulk.staging import StagingArea, StagingWriter
from mmrerank.index.index import Index
from mmrerank.index.lance.storage import Place
from mmrerank.index.ledger import FileRecord
from mmrerank.loaders.base import Chunk
url, how, name, batches, files = *sys.argv[1:4], *map(int, sys.argv[4:6])
with Index(url, ocr=False) as index, index._writing() as indexer:
    parts, place = index._open(), Place(url, None)
    area = StagingArea(place, "run")
    if how == "staged":
        indexer._writer = StagingWriter(place, parts.ledger, parts.store)
    print("ready", flush=True)
    input()
    begun = time.process_time()
    for i in range(batches):
        for j in range(files):
            source = f"{name}/{i}/{j}.md"
            indexer.write(FileRecord(source, 1, 1, "", source), [Chunk(source, "granite", source, 0, 0)])
        if how == "staged":
            made = indexer._writer.taken()
            print(json.dumps([area.write([Document(f"{name}/{i}", 1, 1)], made), len(made)]), flush=True)
        else:
            indexer._writer.flush()
    print(json.dumps(time.process_time() - begun), flush=True)
    os._exit(0)
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


def measure(*arguments: str, root: Path = ROOT) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MiB of a command, of the checkout in `root`."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "MMRERANK_CACHE": cache, "PYTHONPATH": str(root)}
        begun = time.monotonic()
        command = [sys.executable, "-m", "mmrerank", *arguments]
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=cache,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
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
    """Writers that each commit, and writers that leave it to one process, in turn."""
    print("| storage | writers | | documents a second | processor, a document | commits |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for storage, writers in itertools.product((f"file://{folder}", url), options.workers):
            for how in ("each", "staged") * options.rounds:
                index = f"{storage}/{uuid.uuid4().hex}"
                wall, cpu = written(index, how, writers, options)
                count = writers * options.commits * FILES
                print(
                    f"| {storage[:4]} | {writers} | {how} | {count / wall:.0f} "
                    f"| {1000 * cpu / count:.1f} ms | {versions(index, 'entries')[0]} |",
                    f"<!-- load {os.getloadavg()[0]:.0f} -->",
                    flush=True,
                )


def written(index: str, how: str, writers: int, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds, and processor seconds of all processes (at S3 with the server's)."""
    with Index(index, ocr=False) as one, one._writing() as indexer:  # which makes the table
        indexer.write(FileRecord("a", 1, 1, "", "a"), [Chunk("a", "granite", "a", 0, 0)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, index, how, str(i), str(options.commits), str(FILES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for i in range(writers)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    place = Place(index, None)
    ledger = LanceLedger(place, Path())
    writer = LanceWriter(place, ledger, LanceVectors(ledger))
    committer = Committer(StagingArea(place, "run"), writer, {})
    said: queue.Queue = queue.Queue()

    def listen(process: subprocess.Popen) -> None:
        for line in process.stdout:
            said.put(json.loads(line))

    threads = [threading.Thread(target=listen, args=[process]) for process in processes]
    for thread in threads:
        thread.start()
    begun, cpu, working = time.monotonic(), -time.process_time(), writers
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    while working:
        one = said.get()
        if isinstance(one, float):
            working, cpu = working - 1, cpu + one
        else:
            committer.take(BatchResult([], dict([one])))
    committer.commit()
    wall, cpu = time.monotonic() - begun, cpu + time.process_time()
    for process, thread in zip(processes, threads, strict=True):
        process.wait()
        thread.join()
    return wall, cpu


def beside(options: argparse.Namespace, url: str) -> None:
    """What a run costs, and how often it commits: another checkout, and this one, in turn."""
    print("| storage | workers | | seconds | processor | commits of entries and of pictures |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        docs = str(fill(Path(folder) / "docs", options.documents))
        for storage, workers in itertools.product((f"file://{folder}", url), options.workers):
            for name, root in (("before", options.other), ("now", ROOT)):
                index = f"{storage}/{name}-{workers}"
                command = ["bulk", docs, "--index", index, "--workers", str(workers), "--no-ocr"]
                wall, cpu, _ = measure(*command, root=root)
                print(
                    f"| {storage[:4]} | {workers} | {name} | {wall:.0f} | {cpu:.1f} "
                    f"| {' and '.join(map(str, versions(index, 'entries', 'pictures')))} |",
                    f"<!-- load {os.getloadavg()[0]:.0f} -->",
                    flush=True,
                )


def versions(index: str, *names: str) -> list[int]:
    """How many versions tables of an index have."""
    return [lancedb.connect(index).open_table(name).version for name in names]


def sizes(options: argparse.Namespace, url: str) -> None:
    """Seconds of a commit (medians of five), by its rows and the rows of the table."""
    print("| rows of the table | rows of the commit | seconds | processor |\n|---|---|---|---|")
    rng, schema = np.random.default_rng(0), entry_schema({"text": 256})
    with tempfile.TemporaryDirectory() as folder:
        place = Place(f"{url}/sizes" if options.at_s3 else f"file://{folder}", None)
        table = Table(place, "entries", key="number", has_words=True)
        table.created(schema)
        written = 0

        def rows(count: int):
            nonlocal written
            first, written = written, written + count
            texts = [" ".join(f"w{n}" for n in rng.integers(0, 20_000, 100)) for _ in range(count)]
            columns = {
                "number": [number_of(first + i) for i in range(count)],
                "path": [f"/documents/of/a/folder/{(first + i) // 10}.pdf" for i in range(count)],
                "kind": ["text"] * count, "text": texts, "words": texts,
                "vector_text": pa.FixedSizeListArray.from_arrays(
                    rng.standard_normal(count * 256).astype("f4"), 256),
            }  # fmt: skip
            return aligned(pa.table(columns), schema)

        def commit(made) -> tuple[float, float]:
            paths = sorted(set(made["path"].to_pylist()))
            begun = time.perf_counter(), time.process_time()
            table.merge(made, instead_of=" OR ".join(any_of("path", paths)))
            return time.perf_counter() - begun[0], time.process_time() - begun[1]

        for size in options.sizes:
            while written < size:
                commit(rows(min(10_000, size - written)))
            table.tidy()
            for count in (16, 200, 2_000):
                spent = sorted(commit(rows(count)) for _ in range(5))[2]
                print(f"| {size:,} | {count:,} | {spent[0]:.2f} | {spent[1]:.2f} |", flush=True)


TASKS = {"documents": documents, "commits": commits, "beside": beside, "sizes": sizes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=list(TASKS), default="documents")
    parser.add_argument("--documents", type=int, default=240)
    parser.add_argument("--few", type=int, default=16)
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--other", type=Path, help="another checkout, for `beside`")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 300_000])
    parser.add_argument(
        "--at-s3", action="store_true", help="the table of `sizes`, not in a folder"
    )
    options = parser.parse_args()
    print("load:", *os.getloadavg())
    with s3_server() as s3:
        for name, value in s3.items():
            os.environ[name.upper() if name.startswith("aws") else f"AWS_{name.upper()}"] = value
        TASKS[options.what](options, "s3://bucket/bench")


if __name__ == "__main__":
    main()
