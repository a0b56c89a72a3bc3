"""What `reuse.py` uses to measure: documents, clocks, and bounds."""

from __future__ import annotations

import os
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch
from PIL import Image as Pillow

from mmrerank.local.prompt.tokenizer import Tokenizer
from mmrerank.types import Content, Image

GOLDEN = HERE.parent / "tests" / "data" / "golden"
QUERY = "how is the torque of the turbine measured"  # 12 tokens of the golden vocabulary
OTHER_QUERY = "what does rain do to the oil of a valve"
WORDS = ["torque", "turbine", "the", "of", "rain", "a", "valve", "is", "measured", "with", "oil"]
SIZES = {"parts": (448, 448), "pages": (672, 896)}  # 256 and 768 tokens of m0


@dataclass(frozen=True)
class Work:
    """Documents, and separately their texts and image files."""

    contents: list[Content]
    texts: list[str]
    paths: list[Path]


def documents(folder: Path, kind: str, count: int) -> Work:
    """`parts`: an image of 256 tokens and a text of 60 to 260; `pages`: an image of 768. Seed 0."""
    chance = random.Random(0)
    tokenizer = Tokenizer(GOLDEN / "jina-reranker-m0" / "tokenizer.json", "golden")
    texts, paths = [], []
    for i in range(count):
        paths.append(picture(folder, chance, f"{kind}-{i}.png", SIZES[kind]))
        if kind == "parts":
            words = " ".join(chance.choice(WORDS) for _ in range(260))
            texts.append(f"{i} {tokenizer.head(words, chance.randint(60, 260) - 2)[0]}")
    if kind == "pages":
        return Work([Content(images=[Image.from_path(p)]) for p in paths], [], paths)
    pairs = zip(texts, paths, strict=True)
    return Work([Content(text, [Image.from_path(path)]) for text, path in pairs], texts, paths)


def picture(folder: Path, chance: random.Random, name: str, size: tuple[int, int]) -> Path:
    """Noise as a PNG file: as slow to decode as a PNG of this size gets."""
    path, pixels = folder / name, chance.randbytes(3 * size[0] * size[1])
    if not path.is_file():
        Pillow.frombytes("RGB", size, pixels).save(path)
    return path


class Clock:
    """Runs sides in turn and records the wall and processor seconds of each."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def run(self, name: str, action: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        out = action()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.wall.setdefault(name, []).append(wall)
        self.cpu.setdefault(name, []).append(cpu)
        print(f"{name}: {wall:.2f} s, processor {cpu:.2f} s", flush=True)
        return out

    def median(self, name: str) -> float:
        return statistics.median(self.cpu[name])

    def table(self, base: str) -> dict[str, Any]:
        """Medians; how many times as long as `base` each side takes."""
        return {
            name: {
                "wall": round(statistics.median(self.wall[name]), 3),
                "processor": round(self.median(name), 3),
                "runs": len(self.cpu[name]),
                "processor_min_max": [round(min(self.cpu[name]), 3), round(max(self.cpu[name]), 3)],
                f"times {base}": round(self.median(name) / self.median(base), 2),
                f"times {base}, wall": round(
                    statistics.median(self.wall[name]) / statistics.median(self.wall[base]), 2
                ),
            }
            for name in self.cpu
        }


def machine() -> dict[str, Any]:
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load_average": round(os.getloadavg()[0], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def split(run: Callable[[], Any]) -> dict[str, float]:
    """Milliseconds of one run by kind of operator, and what passes outside of them."""
    groups = {"products": 0.0, "attention": 0.0, "gathering states": 0.0, "other operators": 0.0}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        inner = time.process_time()
        run()
        inner = time.process_time() - inner
    for event in profile.key_averages():
        taken = event.self_cpu_time_total / 1000
        if any(word in event.key for word in ("mm", "linear", "conv")):
            groups["products"] += taken
        elif "scaled_dot_product" in event.key:
            groups["attention"] += taken
        elif event.key == "aten::cat":
            groups["gathering states"] += taken
        else:
            groups["other operators"] += taken
    groups["outside operators"] = max(0.0, inner * 1000 - sum(groups.values()))
    return {name: round(value, 1) for name, value in groups.items()}


def bound(reranker: Any, rows: int, tail: int) -> dict[str, float]:
    """The least a warm query can take: its tokens through the layers, the states read once.

    `rows` states, `tail` tokens behind each. Milliseconds of processor, the best of five.
    """
    layers = reranker._engine.decoder._model.layers
    x = torch.randn(rows * tail, layers[0].self_attn.q_proj.in_features)

    def products() -> None:
        for i, layer in enumerate(layers):
            attention, mlp = layer.self_attn, layer.mlp
            attention.k_proj(x), attention.v_proj(x)
            y = x[:rows] if i == len(layers) - 1 else x  # the last layer: last tokens only
            attention.o_proj(attention.q_proj(y))
            mlp.gate_proj(y)
            mlp.down_proj(mlp.up_proj(y))

    states = [
        kept.tensors["kv"]
        for kept in reranker._cache._memory._entries.values()
        if "kv" in kept.tensors
    ]

    def reading() -> None:
        for kv in states:
            kv.sum()

    with torch.inference_mode():
        best = {"products": _best(products), "reading the states": _best(reading)}
    return best | {"together": round(sum(best.values()), 1)}


def _best(run: Callable[[], None]) -> float:
    taken = []
    for _ in range(5):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return round(min(taken) * 1000, 1)
