"""Local models at their published sizes on a GPU: cold pages and warm documents a second.

    python benchmarks/gpu.py m0
    python benchmarks/gpu.py qwen3-vl
    python benchmarks/gpu.py m0 --tiny --device cpu --pages 4      (tries the script in seconds)

Random weights in bfloat16 (2.2 billion parameters for m0, 2.1 for Qwen3-VL-Reranker-2B; 5 GB in
--folder), pages of noise of about 768 tokens. "cold" reads every page, "warm" asks another query
about pages that were read, "published" is the published code, which reads everything for every
query. vLLM is one more side where it is installed; the small tokeniser may not suit it, and an
error of its own is written into the result.

The bound is arithmetic: cold, the floating point operations of tower and decoder at --tflops; warm,
the bytes of weights and states at --bandwidth. The defaults are those of an H100 (SXM).
Medians of --rounds; each run prints JSON and writes results/gpu-<model>.json.
"""

from __future__ import annotations

import argparse
import json
import random
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
from baselines import published
from PIL import Image as Pillow

import random_models
from mmrerank import Content, Image, JinaM0Reranker, Qwen3VLReranker
from mmrerank.local import Reuse

QUERIES = [f"question {i}: what does the chart of the turbine show" for i in range(100)]
PAGE_TOKENS = 27 * 28  # an m0 page has at most 768

MODELS = {
    "m0": (JinaM0Reranker, published.M0, random_models.m0, random_models.m0_full, 28),
    "qwen3-vl": (
        Qwen3VLReranker,
        published.Qwen3VL,
        random_models.qwen3_vl,
        random_models.qwen3_vl_full,
        32,
    ),
}


def pages(folder: Path, count: int, cell: int, *, is_tiny: bool) -> list[Path]:
    """Pages of noise that take `PAGE_TOKENS` tokens each; tiny ones take 12. Seed 0."""
    chance, paths = random.Random(0), []
    width, height = (3 * cell, 4 * cell) if is_tiny else (27 * cell, 28 * cell)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        path = folder / f"{width}x{height}-{i}.png"
        if not path.is_file():
            noise = chance.randbytes(3 * width * height)
            Pillow.frombytes("RGB", (width, height), noise).save(path, compress_level=1)
        paths.append(path)
    return paths


def rate(run: Callable[[str], object], count: int, rounds: int, device: str) -> float:
    """Documents a second: the median of several rounds, each with a query of its own."""
    times = []
    for round_ in range(rounds):
        _wait(device)
        begun = time.perf_counter()
        run(QUERIES[round_])
        _wait(device)
        times.append(time.perf_counter() - begun)
    return count / statistics.median(times)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def work(reranker: Any, tokens: int, patches: int, tail: int) -> dict[str, float]:
    """Operations to read a page, and bytes to score one that was read."""
    engine = reranker._engine
    layers = engine.decoder._model.layers
    config = engine.decoder._model.config
    weights = sum(p.numel() for p in layers.parameters() if p.ndim == 2)
    tower = sum(p.numel() for p in engine.tower._visual.parameters() if p.ndim >= 2)
    vision = engine.tower._visual.config
    width = getattr(vision, "embed_dim", None) or vision.hidden_size
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    depth = config.num_hidden_layers
    attention = 2 * depth * config.num_attention_heads * head * tokens**2  # causal: half of 4
    return {
        "decoder_flop": 2 * weights * tokens + attention,
        "tower_flop": 2 * tower * patches + 4 * vision.depth * width * patches**2,
        "tail_flop": 2 * weights * tail,
        "state_bytes": 2 * 2 * depth * config.num_key_value_heads * head * tokens,
        "weight_bytes": 2 * weights,
    }


def bounds(facts: dict[str, float], args: argparse.Namespace) -> dict[str, float]:
    """Documents a second that the machine's numbers allow."""
    cold = (facts["decoder_flop"] + facts["tower_flop"]) / (args.tflops * 1e12)
    states = args.pages * facts["state_bytes"] if args.model == "m0" else 0.0
    moved = (states + facts["weight_bytes"]) / (args.bandwidth * 1e12) / args.pages
    flop = facts["tail_flop"] if args.model == "m0" else facts["decoder_flop"]
    return {"cold": 1 / cold, "warm": 1 / max(moved, flop / (args.tflops * 1e12))}


def vllm_side(model: str, path: str, paths: list[Path]) -> Callable[[str], object]:
    """vLLM's own scoring. Raises whatever vLLM raises."""
    from vllm import LLM

    overrides = {}
    if model == "qwen3-vl":
        overrides = {
            "architectures": ["Qwen3VLForSequenceClassification"],
            "classifier_from_token": ["no", "yes"],
            "is_original_qwen3_reranker": True,
        }
    llm = LLM(model=path, runner="pooling", hf_overrides=overrides, max_model_len=4096)
    content = [
        {"type": "image_url", "image_url": {"url": Image.from_path(p).path.resolve().as_uri()}}
        for p in paths
    ]
    return lambda query: llm.score(query, [{"content": [one]} for one in content])


def published_rate(
    theirs: Any, path: str, paths: list[Path], dtype: str, args: argparse.Namespace
) -> float:
    """Pages a second of the published code, one pair at a time, as its authors run it."""
    model = theirs(path, 1, dtype=getattr(torch, dtype), device=args.device)
    model.score("first", paths[:1])
    return rate(lambda query: model.score(query, paths), len(paths), args.rounds, args.device)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    ours, theirs, small, full, cell = MODELS[args.model]
    folder = args.folder / f"{args.model}-{'tiny' if args.tiny else 'full'}"
    path = str(small(folder) if args.tiny else full(folder, args.device))
    paths = pages(args.folder / "pages", args.pages, cell, is_tiny=args.tiny)
    contents = [Content(images=[Image.from_path(p)]) for p in paths]
    dtype = "float32" if args.device == "cpu" else "bfloat16"
    reuse = Reuse(memory=args.memory << 30)
    reranker = ours(path, device=args.device, dtype=dtype, reuse=reuse)
    reranker.score("first", contents[:2])  # kernels are chosen, memory is allocated

    def cold(query: str) -> None:
        reranker.clear_cache()
        reranker.score(query, contents)

    rates = {"cold": rate(cold, len(contents), args.rounds, args.device)}
    rates["warm"] = rate(
        lambda query: reranker.score(query, contents), len(contents), args.rounds, args.device
    )
    prompts, _ = reranker._prompts(Content(QUERIES[0]), contents[:1])
    (image,) = prompts[0].images
    tail = len(prompts[0]) - image.part.tokens
    facts = work(reranker, len(prompts[0]), image.part.tokens * 4, tail)
    kept = reranker.cache_info()
    reranker.close()
    rates["published"] = published_rate(theirs, path, paths[: args.published], dtype, args)
    errors = {}
    try:
        rates["vllm"] = rate(
            vllm_side(args.model, path, paths), len(paths), args.rounds, args.device
        )
    except Exception as error:
        errors["vllm"] = f"{type(error).__name__}: {error}"[:500]
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "CPU"
    return {
        "model": args.model,
        "device": name,
        "torch": torch.__version__,
        "dtype": dtype,
        "pages": args.pages,
        "tokens": len(prompts[0]),
        "documents a second": rates,
        "bounds": bounds(facts, args) if args.device != "cpu" else {},
        "work": facts,
        "cache": {"entries": kept.entries, "bytes": kept.bytes, "evictions": kept.evictions},
        "errors": errors,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="12 layers, small pages")
    parser.add_argument("--pages", type=int, default=64)
    parser.add_argument("--published", type=int, default=8, help="pages for the published code")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=24, help="GiB for states")
    parser.add_argument("--tflops", type=float, default=989.0, help="dense bfloat16")
    parser.add_argument("--bandwidth", type=float, default=3.35, help="TB a second")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-gpu")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    args = parser.parse_args()
    result = json.dumps(measure(args), indent=1)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / f"gpu-{args.model}.json").write_text(result + "\n")
    print(result)


if __name__ == "__main__":
    main()
