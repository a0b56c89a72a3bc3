"""What an explanation costs: processor time in scores, and memory, with layers kept or computed again.

    python benchmarks/explain.py --folder CHECKPOINTS

Random weights (seed 0). Each document is scored without reuse and explained, in turn; medians of
processor time. Memory is the peak of the process above what it held before the call.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image as Pillow

import random_models
from mmrerank import Content, Image, JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker
from mmrerank.local.compute import explain

QUERY = "How much power do the turbines of the second hall produce in winter, and why?"
SENTENCE = "The turbine in the second hall produced more power than the old engine in winter. "
MODELS = {
    "jina-m0": (JinaM0Reranker, random_models.m0),
    "qwen3": (Qwen3Reranker, random_models.qwen3),
    "qwen3-vl": (Qwen3VLReranker, random_models.qwen3_vl),
}
KEPT = explain._KEPT_BYTES


def documents(name: str, sentences: int, side: int) -> dict[str, Content]:
    """A text, and a picture of noise for the models that read images."""
    found = {f"text, {sentences} sentences": Content(SENTENCE * sentences)}
    if name != "qwen3":
        file = io.BytesIO()
        noise = torch.randint(0, 256, (side, side, 3), generator=torch.Generator().manual_seed(0))
        Pillow.fromarray(noise.byte().numpy()).save(file, "PNG")
        found[f"image, {side} pixels"] = Content(images=[Image.from_bytes(file.getvalue())])
    return found


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds, and the peak of memory in MiB above what was held before."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew (proc(5))
    before, start = status("VmRSS"), time.process_time()
    work()
    return time.process_time() - start, (status("VmHWM") - before) / 1024


def status(name: str) -> int:
    """A line of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


def main() -> None:
    """Print a table, a row for each model, kind of document and way to explain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "explain")
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--sentences", type=int, default=20)
    parser.add_argument("--side", type=int, default=560)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads")
    print("model | document | way | score s | explanation s | scores | MiB")
    for name in args.models:
        build, make = MODELS[name]
        path = make(args.folder / f"{name}-{args.layers}", layers=args.layers)
        reuse = {} if name == "qwen3" else {"reuse": False}  # Qwen3 has none
        with build(str(path), device="cpu", **reuse) as reranker:
            for kind, document in documents(name, args.sentences, args.side).items():
                reranker.explain(QUERY, document)  # oneDNN and the allocator warm up
                for way, kept in (("layers kept", KEPT), ("computed again", 0)):
                    explain._KEPT_BYTES = kept
                    rows = [
                        (
                            measured(lambda: reranker.score(QUERY, [document]))[0],  # noqa: B023
                            *measured(lambda: reranker.explain(QUERY, document)),  # noqa: B023
                        )
                        for _ in range(args.rounds)
                    ]
                    score, spent, memory = map(statistics.median, zip(*rows, strict=True))
                    ratio = statistics.median(row[1] / row[0] for row in rows)
                    print(f"{name} | {kind} | {way} | {score:.2f} | {spent:.2f} | {ratio:.1f} | {memory:.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
