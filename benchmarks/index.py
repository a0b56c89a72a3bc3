"""How an index of many entries behaves: writing, searching, opening, and an unchanged folder.

    python benchmarks/index.py --entries 100000
    python benchmarks/index.py --files 1000

Entries are synthetic: 80 to 120 words drawn by Zipf's law from 60,000, seed 0. Queries are eight
words drawn by the same law. Times are of searches before reranking, in process, medians and 95th
percentiles of `--queries` queries after one that warms up, on the clock and of the processor (of
all threads). With `--folder` an index that is there already is only searched. Results: benchmarks/results/index.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from mmrerank.index.index import Index
from mmrerank.index.ledger import FileRecord
from mmrerank.loaders.base import Chunk

VOCABULARY = 60_000
PER_FILE = 1000


def words(rng: np.random.Generator, count: int) -> str:
    """So many words by Zipf's law."""
    return " ".join(f"w{i}" for i in rng.choice(VOCABULARY, count, p=ZIPF))


ZIPF = 1 / np.arange(1, VOCABULARY + 1) ** 1.05
ZIPF /= ZIPF.sum()


def fill(index: Index, entries: int) -> float:
    """Write the entries, file by file; seconds of writing alone, without making up the texts."""
    rng, seconds = np.random.default_rng(0), 0.0
    for start in range(0, entries, PER_FILE):
        path = f"/synthetic/{start // PER_FILE:05}.pdf"
        chunks = [
            Chunk(f"{path}-{i}", words(rng, int(rng.integers(80, 121))), path, 1 + i // 10, i)
            for i in range(min(PER_FILE, entries - start))
        ]
        before = time.perf_counter()
        with index._writing() as indexer:
            indexer.write(FileRecord(path, 1, 1, "", ""), chunks)
        seconds += time.perf_counter() - before
    return seconds


def search_times(index: Index, queries: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of each search by route: on the clock, and of the processor."""
    rng = np.random.default_rng(1)
    texts = [words(rng, 8) for _ in range(queries + 1)]
    times: dict[str, list[tuple[float, float]]] = {}
    for name, routes in {"words": ["words"], "vectors": ["vectors"], "both": ["words", "vectors"]}.items():  # fmt: skip
        for i, text in enumerate(texts):
            before = time.perf_counter(), time.process_time()
            index.search(text, top_n=50, fetch_k=50, routes=routes)
            after = time.perf_counter(), time.process_time()
            if i:
                spent = tuple(1e3 * (end - start) for start, end in zip(before, after, strict=True))
                times.setdefault(name, []).append(spent)
    return times


def many_entries(folder: Path, entries: int, queries: int) -> dict:
    """One row of the table."""
    seconds = 0.0
    if not any(folder.iterdir()):
        with Index(folder, ocr=False) as index:
            seconds = fill(index, entries)
    before = time.perf_counter()
    with Index(folder, ocr=False, create=False) as index:
        opened = time.perf_counter() - before
        times = search_times(index, queries)
    return {
        "entries": entries,
        **({"entries a second": round(entries / seconds)} if seconds else {}),
        "open, ms": round(1e3 * opened, 1),
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "disk, MB": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) // 10**6,
        **{
            f"{name}, {clock}: p50 and p95, ms": np.percentile(column, (50, 95)).round(1).tolist()
            for name, spent in times.items()
            for clock, column in zip(("clock", "processor"), zip(*spent, strict=True), strict=True)
        },
    }


def unchanged_files(folder: Path, files: int) -> dict:
    """Seconds of a second `sync` of a folder of Markdown files."""
    docs = folder / "docs"
    docs.mkdir()
    rng = np.random.default_rng(0)
    for i in range(files):
        (docs / f"{i}.md").write_text(words(rng, 100))
    with Index(folder / "index", ocr=False) as index:
        before = time.perf_counter()
        index.sync([docs])
        first = time.perf_counter() - before
        before = time.perf_counter()
        report = index.sync([docs])
        again = time.perf_counter() - before
    assert len(report.unchanged) == files
    return {"files": files, "first sync, s": round(first, 2), "unchanged sync, s": round(again, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--entries", type=int)
    parser.add_argument("--files", type=int)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="keep the index there, and use one that is there"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or temporary
        Path(folder).mkdir(exist_ok=True)
        if options.entries:
            row = many_entries(Path(folder), options.entries, options.queries)
        else:
            row = unchanged_files(Path(folder), options.files or 1000)
    print(json.dumps(row, indent=1))
    if options.json:
        options.json.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
