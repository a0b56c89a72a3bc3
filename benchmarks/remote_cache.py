"""States on object storage: bytes, compression, and reading against computing again.

    python benchmarks/remote_cache.py --pages 4

A random m0 (seed 0) reads pages of noise of about 768 tokens. Its entries are packed and unpacked
in both dtypes, and a second reranker reads them from `file://`, so without a network: divide the
bytes by the bandwidth of yours and add it. Processor seconds; medians of --rounds. Writes
results/remote-cache.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch

import gpu
import random_models
from mmrerank import Content, Image, JinaM0Reranker
from mmrerank.local import Reuse
from mmrerank.local.cache.compression import pack_entry, unpack_entry
from mmrerank.local.cache.entry import CacheEntry

QUERY = "what does the chart show"


def seconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return statistics.median(times)


def packed(entries: list[CacheEntry], dtype: torch.dtype, rounds: int) -> dict[str, float]:
    """Ratio of sizes, and MB of uncompressed bytes a second."""
    given = [
        CacheEntry({name: t.to(dtype) for name, t in entry.tensors.items()}, entry.facts)
        for entry in entries
    ]
    size = sum(t.nbytes for entry in given for t in entry.tensors.values())
    made = [pack_entry("k", entry) for entry in given]
    writing = seconds(lambda: [pack_entry("k", entry) for entry in given], rounds)
    reading = seconds(lambda: [unpack_entry("k", data) for data in made], rounds)
    return {
        "bytes_each": size / len(given),
        "ratio": sum(map(len, made)) / size,
        "pack_mb_a_second": size / 1e6 / writing,
        "unpack_mb_a_second": size / 1e6 / reading,
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    path = str(random_models.m0(args.folder / "m0"))
    pages = gpu.pages(args.folder / "pages", args.pages, 28, is_tiny=False)
    contents = [Content(images=[Image.from_path(page)]) for page in pages]
    result: dict[str, Any] = {"pages": args.pages}
    with JinaM0Reranker(path, device="cpu", reuse=Reuse(memory=8 << 30)) as reranker:
        cold = []
        for _ in range(args.rounds):
            reranker.clear_cache()
            cold.append(seconds(lambda: reranker.score(QUERY, contents), 1))
        result["cold_seconds_a_page"] = statistics.median(cold) / args.pages
        kept = list(reranker._cache._memory._entries.values())
        for kind, name in (("vision", "features"), ("document", "kv")):
            entries = [entry for entry in kept if name in entry.tensors]
            result[kind] = {
                str(dtype).removeprefix("torch."): packed(entries, dtype, args.rounds)
                for dtype in (torch.float32, torch.bfloat16)
            }
    for states in ("vision", "all"):
        store = args.folder / f"store-{states}"
        shutil.rmtree(store, ignore_errors=True)
        reuse = Reuse(memory=8 << 30, remote=f"file://{store}", remote_states=states)
        with JinaM0Reranker(path, device="cpu", reuse=reuse) as first:
            first.score(QUERY, contents)
        times = []
        for _ in range(args.rounds):
            with JinaM0Reranker(path, device="cpu", reuse=reuse) as second:
                times.append(seconds(lambda: second.score(QUERY, contents), 1))
        result[f"from_remote_{states}_seconds_a_page"] = statistics.median(times) / args.pages
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-remote"
    )
    args = parser.parse_args()
    result = json.dumps(measure(args), indent=1)
    (HERE / "results" / "remote-cache.json").write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
