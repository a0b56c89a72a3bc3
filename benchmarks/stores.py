"""Chroma in a folder and LanceDB at a URL, side by side: an index of many entries in each.

    python benchmarks/stores.py --entries 100000

Entries and queries are those of benchmarks/index.py, by the same law; vectors are random, of
length 1, and the same for both. Each index is written by a process of its own, then searched by
`--rounds` new processes in turn, so that both meet the same load: first one, then the other.
Times are on the clock and of the processor (of all threads); of the rounds, the medians are shown.
The URL is a folder of this machine (file://), not a service. Results: benchmarks/results/stores.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from index import PER_FILE, VOCABULARY, ZIPF

from mmrerank.index.index import Index
from mmrerank.index.ledger import FileRecord
from mmrerank.loaders.base import Chunk

STORES = ("chroma", "lancedb")
SHARES = np.cumsum(ZIPF)


class RandomEmbedder:
    """Random vectors of length 1; equal texts have equal ones."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        values = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(self.dimensions)
        return (values / np.linalg.norm(values)).tolist()


def words(rng: np.random.Generator, count: int) -> str:
    """So many words by Zipf's law."""
    numbers = np.searchsorted(SHARES, rng.random(count)).clip(max=VOCABULARY - 1)
    return " ".join(f"w{number}" for number in numbers)


def opened(store: str, folder: Path, dimensions: int) -> Index:
    """The index of a store, in or below a folder."""
    place = folder / "index" if store == "chroma" else f"file://{folder}/index"
    return Index(place, embedder=RandomEmbedder(dimensions), ocr=False)


def write(store: str, folder: Path, entries: int, dimensions: int) -> dict[str, float]:
    """Write the entries, file by file; only the writing is timed, not the making of texts."""
    rng, making = np.random.default_rng(0), [0.0, 0.0]
    with opened(store, folder, dimensions) as index:
        begun = time.perf_counter(), time.process_time()
        with index._writing() as indexer:  # as a sync of so many files does
            for start in range(0, entries, PER_FILE):
                before = time.perf_counter(), time.process_time()
                path = f"/synthetic/{start // PER_FILE:05}.pdf"
                chunks = [
                    Chunk(
                        f"{path}-{i}", words(rng, int(rng.integers(80, 121))), path, 1 + i // 10, i
                    )
                    for i in range(min(PER_FILE, entries - start))
                ]
                making[0] += time.perf_counter() - before[0]
                making[1] += time.process_time() - before[1]
                indexer.write(FileRecord(path, 1, 1, "", ""), chunks)
        clock = time.perf_counter() - begun[0] - making[0]
        processor = time.process_time() - begun[1] - making[1]
        assert len(index) == entries
    return {
        "written, entries a second": round(entries / clock),
        "written, entries a second of the processor": round(entries / processor),
        "peak memory of writing, MB": peak_memory(),
        "on disk, MB": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) // 10**6,
    }


def search(store: str, folder: Path, queries: int, dimensions: int) -> dict[str, float]:
    """Search by each route, after one query that warms up."""
    rng, row = np.random.default_rng(1), {}
    texts = [words(rng, 8) for _ in range(queries + 1)]
    with opened(store, folder, dimensions) as index:
        for route in ("vectors", "words"):
            spent = []
            for text in texts:
                before = time.perf_counter(), time.process_time()
                hits = index.search(text, top_n=50, fetch_k=50, routes=[route])
                spent.append((time.perf_counter() - before[0], time.process_time() - before[1]))
                assert hits
            row[f"{route}, first, ms"] = 1e3 * spent[0][0]
            for clock, column in zip(("clock", "processor"), zip(*spent[1:], strict=True), strict=True):  # fmt: skip
                for percent in (50, 95):
                    row[f"{route}, {clock}, p{percent}, ms"] = 1e3 * np.percentile(column, percent)
    row["peak memory of searching, MB"] = peak_memory()
    return row


def peak_memory() -> int:
    """Of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def in_process(task: str, store: str, folder: Path, options: argparse.Namespace) -> dict:
    """The result of a task in a process of its own."""
    given = [f"--{name}={getattr(options, name)}" for name in ("entries", "queries", "dimensions")]
    command = [sys.executable, __file__, *given, f"--task={task}", f"--store={store}"]
    answer = subprocess.run([*command, f"--folder={folder}"], stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


def side_by_side(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The table: a column for each store."""
    table: dict[str, dict[str, float]] = {}
    rounds: dict[str, list[dict[str, float]]] = {store: [] for store in STORES}
    for store in STORES:
        (folder / store).mkdir(exist_ok=True)
        if not any((folder / store).iterdir()):
            table[store] = in_process("write", store, folder / store, options)
            print(store, table[store], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for _ in range(options.rounds):
        for store in STORES:
            rounds[store].append(in_process("search", store, folder / store, options))
            print(store, rounds[store][-1], f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for store, own in rounds.items():
        medians = {name: statistics.median(row[name] for row in own) for name in own[0]}
        table[store] = table.get(store, {}) | {k: round(v, 1) for k, v in medians.items()}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the indexes there, and use those there")
    parser.add_argument("--task", choices=["write", "search"], help=argparse.SUPPRESS)
    parser.add_argument("--store", choices=STORES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task == "write":
        row = write(options.store, options.folder, options.entries, options.dimensions)
    elif options.task == "search":
        row = search(options.store, options.folder, options.queries, options.dimensions)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.folder or Path(temporary)
            folder.mkdir(exist_ok=True, parents=True)
            row = side_by_side(folder.absolute(), options)
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
