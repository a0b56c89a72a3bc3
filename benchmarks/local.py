"""Local models against the published scoring code and sentence-transformers, on this machine.

    python benchmarks/local.py qwen3 --documents 100 --rounds 3
    python benchmarks/local.py m0 --documents 32 --rounds 3
    python benchmarks/local.py qwen3-vl --documents 32 --rounds 3

Random weights (seed 0), the same for every side; all sides run in one process, in turn, round by
round; the median counts. Peak memory is that of a process of its own a side. Each run writes
results/local-<model>.json. See results/local.md for what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch
from baselines import published
from PIL import Image as Pillow

import random_models
from mmrerank import JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker
from mmrerank.local.compute.linear import use_onednn
from mmrerank.types import Content, Image

QUERY = "how is the torque of the turbine measured"
WORDS = ["torque", "turbine", "the", "of", "rain", "a", "valve", "is", "measured", "with", "oil"]
Side = Callable[[], list[float]]


def texts(count: int) -> list[str]:
    """Documents of 20 to 1,500 tokens, log-uniform, seed 0, in random order."""
    chance = random.Random(0)
    lengths = [round(20 * 75 ** chance.random()) for _ in range(count)]
    return [_text(chance, length) for length in lengths]


def _text(chance: random.Random, tokens: int) -> str:
    from mmrerank.local.prompt.tokenizer import Tokenizer

    global _TOKENIZER  # noqa: PLW0603
    if _TOKENIZER is None:
        _TOKENIZER = Tokenizer(random_models.GOLDEN / "qwen3-reranker/tokenizer.json", "golden")
    text = " ".join(chance.choice(WORDS) for _ in range(tokens))
    return _TOKENIZER.head(text, tokens)[0]


_TOKENIZER: Any = None


def images(folder: Path, count: int) -> list[Path]:
    """Pictures of noise, 280 to 616 pixels wide and high: 100 to 484 tokens of m0. Seed 0."""
    chance, paths = random.Random(0), []
    for i in range(count):
        size = tuple(28 * chance.randint(10, 22) for _ in range(2))
        path = folder / f"{i}.png"
        if not path.is_file():
            Pillow.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1])).save(path)
        paths.append(path)
    return paths


def sentence_transformers(path: str, batch_size: int, documents: list[str]) -> Side:
    """`CrossEncoder` with the same prompts, so that it reads the same tokens."""
    from sentence_transformers import CrossEncoder

    encoder = _shared(("st", path), lambda: CrossEncoder(path, device="cpu"))
    head = f"{published.SYSTEM}<Instruct>: {published.QWEN3_TASK}\n<Query>: {QUERY}\n<Document>:"
    pairs = [(head, f" {document}{published.QWEN3_END}") for document in documents]

    def run() -> list[float]:
        return encoder.predict(
            pairs, batch_size=batch_size, activation_fn=torch.nn.Sigmoid()
        ).tolist()

    return run


def without_onednn(run: Side) -> Side:
    """The same with MKL, as the other sides use it: shows what our own code gains without oneDNN."""

    def slower() -> list[float]:
        with torch.backends.mkldnn.flags(enabled=False):
            return run()

    return slower


_LOADED: dict[Any, Any] = {}
FAR_BEHIND = 8  # a side that takes this many times as long as ours is run in one round only
MEMORY_DOCUMENTS = 16
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def _shared(key: Any, make: Callable[[], Any]) -> Any:
    if key not in _LOADED:
        _LOADED[key] = make()
    return _LOADED[key]


def sides(model: str, folder: Path, count: int) -> dict[str, Callable[[], Side]]:
    """How to make each side; a side is loaded only once it is asked for."""
    if model == "qwen3":
        path, documents = str(random_models.qwen3(folder / "qwen3")), texts(count)

        def ours() -> Side:
            reranker = Qwen3Reranker(path, device="cpu")
            return lambda: reranker.score(QUERY, documents)

        def ours_mkl() -> Side:
            return without_onednn(ours())

        def theirs() -> Side:
            old = published.Qwen3(path, 8)
            return lambda: old.score(QUERY, documents)

        made = {"mmrerank": ours, "mmrerank, products by MKL": ours_mkl}
        made["published, batches of 8"] = theirs
        for size in (32, 16, 8, 4, 2, 1):
            made[f"sentence-transformers, batches of {size}"] = lambda size=size: (
                sentence_transformers(path, size, documents)
            )
        return made
    make, new, old_class = {
        "m0": (random_models.m0, JinaM0Reranker, published.M0),
        "qwen3-vl": (random_models.qwen3_vl, Qwen3VLReranker, published.Qwen3VL),
    }[model]
    path, paths = str(make(folder / model)), images(folder, count)

    def ours_images() -> Side:
        reranker = new(path, device="cpu", reuse=False)  # kept states are benchmarks/reuse.py
        contents = [Content(images=[Image.from_path(p)]) for p in paths]
        return lambda: reranker.score(QUERY, contents)

    def old(size: int) -> Callable[[], Side]:
        def load() -> Side:
            model = _shared(("published", path), lambda: old_class(path, size))

            def run() -> list[float]:
                model.batch_size = size
                return model.score(QUERY, paths)

            return run

        return load

    return {
        "mmrerank": ours_images,
        "mmrerank, products by MKL": lambda: without_onednn(ours_images()),
        "published, batches of 8": old(8),
        "published, one by one": old(1),
    }


def matrix_rate(hidden: int, inner: int, clock: str) -> float:
    """GFLOP/s of this machine for a float32 product of the size the model's layers have."""
    x, layer = torch.randn(2048, hidden), torch.nn.Linear(hidden, inner, bias=False)
    layer.requires_grad_(False)
    use_onednn(layer)  # the best rate possible: the faster of torch's two libraries
    times = []
    for _ in range(15):
        start = CLOCKS[clock]()
        layer(x)
        times.append(CLOCKS[clock]() - start)
    return 2 * 2048 * hidden * inner / statistics.median(times) / 1e9


def where_time_goes(run: Side) -> dict[str, float]:
    """Shares of the time in operators: products, attention, everything else."""
    activity = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activity) as profile:
        run()
    groups = {"products": 0.0, "attention": 0.0, "other": 0.0}
    for event in profile.key_averages():
        name = event.key
        if any(word in name for word in ("mm", "linear", "conv")):
            groups["products"] += event.self_cpu_time_total
        elif "scaled_dot_product" in name or "flash" in name:
            groups["attention"] += event.self_cpu_time_total
        else:
            groups["other"] += event.self_cpu_time_total
    total = sum(groups.values())
    return {name: round(value / total, 3) for name, value in groups.items()}


def least_flops(run_sides: dict[str, Side], model: str, folder: Path, count: int) -> float | None:
    """GFLOP of the layers' products for the tokens that must be read, the prefix once."""
    if model != "qwen3":
        return None
    reranker = Qwen3Reranker(str(folder / "qwen3"), device="cpu")
    documents = texts(count)
    from mmrerank.local.compute.batching import shared_prefix

    prompts, _ = reranker._prompts(Content(QUERY), [Content(text) for text in documents])
    shared = shared_prefix(prompts)
    tokens = sum(len(prompt) - shared for prompt in prompts) + shared
    layers = reranker._engine.decoder._model.layers  # type: ignore[union-attr]
    weights = sum(p.numel() for p in layers.parameters() if p.ndim == 2)
    return 2 * weights * tokens / 1e9


def worker(model: str, folder: Path, count: int, side: str) -> None:
    """Run one side once and print its memory in MiB: after loading, and at the peak.

    The others' peak is that of their largest batch, so some of the documents show it.
    """
    if not side.startswith("mmrerank"):
        count = min(count, MEMORY_DOCUMENTS)
    run = sides(model, folder, count)[side]()
    loaded = peak_mib()
    run()
    print(json.dumps({"memory_documents": count, "loaded_mib": loaded, "peak_mib": peak_mib()}))


def peak_mib() -> int:
    """The most memory this process has had. (`ru_maxrss` begins with that of the parent.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def memory(args: argparse.Namespace, folder: Path, side: str) -> dict[str, int]:
    command = [sys.executable, __file__, args.model, "--documents", str(args.documents)]
    command += ["--folder", str(folder), "--worker", side]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(made.stdout.splitlines()[-1])


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["qwen3", "m0", "qwen3-vl"])
    parser.add_argument("--documents", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="sides whose name has this; default all")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="cpu: with 1 thread")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-b")
    parser.add_argument("--worker", default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.documents = args.documents or (100 if args.model == "qwen3" else 32)
    return args


def main() -> None:
    args = read_options()
    warnings.simplefilter("ignore")
    if args.threads:
        torch.set_num_threads(args.threads)
    args.folder.mkdir(exist_ok=True, mode=0o700)
    if args.worker is not None:
        worker(args.model, args.folder, args.documents, args.worker)
        return
    runs = {
        name: make()
        for name, make in sides(args.model, args.folder, args.documents).items()
        if args.only in name or name == "mmrerank"
    }
    seconds, scores = run_rounds(runs, args.rounds, CLOCKS[args.clock])
    report(args, runs, seconds, scores)


def run_rounds(
    runs: dict[str, Side], rounds: int, clock: Callable[[], float]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The seconds of each round, and the scores, of every side; all sides in turn, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    scores: dict[str, list[float]] = {}
    for round_ in range(rounds):
        for name, run in runs.items():
            if round_ and seconds[name][0] > FAR_BEHIND * seconds["mmrerank"][0]:
                continue
            start = clock()
            scores[name] = run()
            seconds[name].append(clock() - start)
            print(f"round {round_ + 1}: {name}: {seconds[name][-1]:.1f} s", flush=True)
    return seconds, scores


def report(
    args: argparse.Namespace,
    runs: dict[str, Side],
    seconds: dict[str, list[float]],
    scores: dict[str, list[float]],
) -> None:
    ours, rate = statistics.median(seconds["mmrerank"]), matrix_rate(512, 1536, args.clock)
    result: dict[str, Any] = {
        "model": args.model,
        "documents": args.documents,
        "clock": args.clock,
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "load_average": os.getloadavg()[0],
            "float32_gflops": round(rate, 1),
        },
        "where_time_goes": where_time_goes(runs["mmrerank"]),
        "sides": {},
    }
    flops = least_flops(runs, args.model, args.folder, args.documents)
    if flops is not None:
        result["least_seconds_at_matrix_rate"] = round(flops / rate, 2)
    for name, taken in seconds.items():
        median = statistics.median(taken)
        off = max(abs(a - b) for a, b in zip(scores[name], scores["mmrerank"], strict=True))
        result["sides"][name] = {
            "seconds": [round(one, 2) for one in taken],
            "median": round(median, 2),
            "times_ours": round(median / ours, 2),
            "largest_score_difference": off,
        }
        if not args.no_memory:
            result["sides"][name] |= memory(args, args.folder, name)
    path = HERE / "results" / f"local-{args.model}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
