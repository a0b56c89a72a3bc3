"""Reuse across queries, measured: cold, warm, from disk, in 8 bits, against the published way.

    python benchmarks/reuse.py m0 --kind parts --documents 16
    python benchmarks/reuse.py m0 --kind pages --documents 16
    python benchmarks/reuse.py m0 --kind parts --documents 200 --pairs 1
    python benchmarks/reuse.py curve
    python benchmarks/reuse.py narrow
    python benchmarks/reuse.py qwen3-vl
    python benchmarks/reuse.py prefix
    python benchmarks/reuse_plot.py

Random weights (seed 0); all sides in one process, in turn; medians. Each run writes
results/reuse-<name>.json. See results/reuse.md for what was measured.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import reuse_work as work
import torch
from reuse_work import HERE, OTHER_QUERY, QUERY, Clock

import random_models
from baselines.m0_parts import M0Parts
from mmrerank import JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker
from mmrerank.local import Reuse
from mmrerank.local.compute import engine as engine_module
from mmrerank.types import Content, Image

ROOMY = Reuse(memory=64 << 30)


def m0(args: argparse.Namespace) -> dict[str, Any]:
    """The published way, reuse off, cold, warm, after a restart from disk."""
    path = str(random_models.m0(args.folder / "m0"))
    given = work.documents(args.folder, args.kind, args.documents)
    disk = args.folder / f"disk-{args.kind}"
    shutil.rmtree(disk, ignore_errors=True)
    clock, published = Clock(), M0Parts(path, 8)
    off = JinaM0Reranker(path, device="cpu", reuse=False)
    on = JinaM0Reranker(path, device="cpu", reuse=ROOMY)
    for _ in range(args.rounds):
        old = clock.run(
            "published, batches of 8",
            lambda: published.score_parts(QUERY, given.texts, given.paths),
        )
    few = given.contents[: args.paired]
    for _ in range(args.pairs):  # the cost of filling, in pairs over fewer documents
        clock.run("paired: reuse off", lambda: off.score(QUERY, few))
        on.clear_cache()
        clock.run("paired: cold", lambda: on.score(QUERY, few))
    off.close()
    on.clear_cache()
    cold = clock.run("cold", lambda: on.score(QUERY, given.contents))
    for _ in range(9):
        warm = clock.run("warm", lambda: on.score(QUERY, given.contents))
    info = on.cache_info()
    keeper = JinaM0Reranker(path, device="cpu", reuse=Reuse(memory=64 << 30, disk=disk))
    for key, kept in on._cache._memory._entries.items():  # the files, without computing again
        keeper._cache.put(_renamed(on, keeper, given.contents).get(key, key), kept, "document")
    keeper.close()
    for _ in range(3):
        again = JinaM0Reranker(path, device="cpu", reuse=Reuse(memory=64 << 30, disk=disk))
        restarted = clock.run(
            "after a restart", functools.partial(again.score, QUERY, given.contents)
        )
        assert again.cache_info().misses == 0
        again.close()
    tail = len(on._tail(Content(QUERY))[0].prompt)
    states = len(given.texts) + len(given.paths)
    pairs = zip(clock.cpu["paired: cold"], clock.cpu["paired: reuse off"], strict=True)
    ratios = [cold_one / off_one for cold_one, off_one in pairs]
    return {
        "kind": args.kind,
        "documents": args.documents,
        "sides": clock.table("warm"),
        "cold to reuse off, pair by pair": [round(r, 3) for r in sorted(ratios)],
        "largest score difference": {
            "cold to published": _far(cold, old),
            "warm to cold": _far(warm, cold),
            "restart to cold": _far(restarted, cold),
        },
        "bytes": info.bytes,
        "split of a warm query, ms": work.split(lambda: on.score(QUERY, given.contents)),
        "bound, ms": work.bound(on, states, tail),
        "tokens of a query": tail,
    }


def _renamed(on: Any, keeper: Any, contents: list[Content]) -> dict[str, str]:
    """Keys of a reranker without disk (which hashes no weights) to those of one with."""
    items = [Content(c.text) for c in contents if c.text]
    items += [Content(images=[image]) for c in contents for image in c.images]
    olds, news = on._states._keys, keeper._states._keys
    return {olds.document(i.images, i.text): news.document(i.images, i.text) for i in items}


def _far(some: list[float], others: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(some, others, strict=True))


def curve(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds and bytes against the number of documents."""
    path = str(random_models.m0(args.folder / "m0"))
    disk = Reuse(memory=64 << 30, disk=args.folder / "disk-parts")
    on, points = JinaM0Reranker(path, device="cpu", reuse=ROOMY), []
    stored = JinaM0Reranker(path, device="cpu", reuse=disk)  # by an earlier `m0 --documents 200`
    stored.warm(work.documents(args.folder, "parts", 200).contents)
    stored.clear_cache()
    for count in (1, 2, 4, 8, 16, 50, 100, 200):
        clock, given = Clock(), work.documents(args.folder, "parts", count)
        if count <= 8:
            on.clear_cache()
            clock.run("cold", functools.partial(on.score, QUERY, given.contents))
        stored.score(QUERY, given.contents)  # into memory
        for _ in range(5):
            clock.run("warm", functools.partial(stored.score, QUERY, given.contents))
        points.append(
            {
                "documents": count,
                "cold": round(clock.median("cold"), 3) if count <= 8 else None,
                "warm": round(clock.median("warm"), 3),
                "bytes": stored.cache_info().bytes,
            }
        )
    return {"points": points}


def narrow(args: argparse.Namespace) -> dict[str, Any]:
    """What int8 states and bfloat16 do to logits and ranking, against reuse off in that dtype.

    Also for the tiny golden model, whose logits lie further apart, over 200 texts.
    """
    path = str(random_models.m0(args.folder / "m0"))
    contents = work.documents(args.folder, "parts", args.documents).contents
    texts = [Content(text) for text in work.documents(args.folder, "parts", 200).texts]
    golden = str(work.GOLDEN / "jina-reranker-m0")
    return {"random": _narrow(path, contents), "golden": _narrow(golden, texts)}


def _narrow(path: str, contents: list[Content]) -> dict[str, Any]:
    out: dict[str, Any] = {"documents": len(contents)}

    @functools.cache
    def off(dtype: Any) -> list[float]:
        model = JinaM0Reranker(path, device="cpu", dtype=dtype, reuse=False, scores="logit")
        return model.score(QUERY, contents)

    out["bfloat16 to float32, reuse off"] = _far(off("bfloat16"), off("float32"))
    for name, dtype, states in (
        ("float32", "float32", "exact"),
        ("int8 in float32", "float32", "int8"),
        ("bfloat16", "bfloat16", "exact"),
        ("int8 in bfloat16", "bfloat16", "int8"),
    ):
        reuse = Reuse(memory=64 << 30, states=states)
        model = JinaM0Reranker(path, device="cpu", dtype=dtype, reuse=reuse, scores="logit")
        cold = off(dtype)
        model.warm(contents)
        warm = model.score(QUERY, contents)
        assert model.cache_info().hits >= len(contents)
        out[name] = {
            "largest logit difference, warm to cold": _far(warm, cold),
            "spread of the logits": max(cold) - min(cold),
            "pairs ranked the other way": _swapped(cold, warm),
            "pairs": len(cold) * (len(cold) - 1) // 2,
            "largest difference between neighbours that swapped": _swap_gap(cold, warm),
            "first ten that stay among the first ten": len(_first(cold) & _first(warm)),
            "bytes": model.cache_info().bytes,
        }
        model.close()
    return out


def _first(logits: list[float]) -> set[int]:
    return set(sorted(range(len(logits)), key=lambda i: -logits[i])[:10])


def _swapped(some: list[float], others: list[float]) -> int:
    return len(_swaps(some, others))


def _swap_gap(some: list[float], others: list[float]) -> float:
    return max(_swaps(some, others), default=0.0)


def _swaps(some: list[float], others: list[float]) -> list[float]:
    """How far apart in `some` the pairs are that `others` ranks the other way."""
    n = range(len(some))
    pairs = [(i, j) for i in n for j in n if i < j]
    return [
        abs(some[i] - some[j])
        for i, j in pairs
        if (some[i] - some[j]) * (others[i] - others[j]) < 0
    ]


def qwen3_vl(args: argparse.Namespace) -> dict[str, Any]:
    """The second query over images, beside 1 / (1 - share of the vision tower)."""
    path = str(random_models.qwen3_vl(args.folder / "qwen3-vl"))
    given = work.documents(args.folder, "parts", args.documents)
    contents, clock = [Content(images=[Image.from_path(p)]) for p in given.paths], Clock()
    model = Qwen3VLReranker(path, device="cpu", reuse=ROOMY)
    tower, tower_clock = model._engine.tower, Clock()
    features = tower.features
    for _ in range(args.pairs):
        model.clear_cache()
        tower_clock.wall.clear(), tower_clock.cpu.clear()
        tower.features = lambda parts: tower_clock.run("tower", lambda: features(parts))
        clock.run("cold", lambda: model.score(QUERY, contents))
        clock.cpu.setdefault("tower", []).append(sum(tower_clock.cpu["tower"]))
        clock.wall.setdefault("tower", []).append(sum(tower_clock.wall["tower"]))
        clock.run("second query", lambda: model.score(OTHER_QUERY, contents))
    share = clock.median("tower") / clock.median("cold")
    gain, possible = clock.median("cold") / clock.median("second query"), 1 / (1 - share)
    return {
        "documents": len(contents),
        "sides": clock.table("second query"),
        "share of the tower": round(share, 3),
        "possible": round(possible, 2),
        "reached": round(gain, 2),
        "of the possible": round(gain / possible, 3),
    }


def prefix(args: argparse.Namespace) -> dict[str, Any]:
    """Qwen3 with a long instruction: the prefix computed once, or for each document."""
    path, clock = str(random_models.qwen3(args.folder / "qwen3")), Clock()
    texts = work.documents(args.folder, "parts", 20).texts
    long = "Judge by these rules. " + " ".join(work.WORDS * 30)
    model = Qwen3Reranker(path, device="cpu", instruction=long)
    tokens = len(model._tokenizer.encode([long])[0])
    for _ in range(args.pairs):
        engine_module._MIN_PREFIX = 10**9
        alone = clock.run("each document alone", lambda: model.score(QUERY, texts))
        engine_module._MIN_PREFIX = 8
        shared = clock.run("shared prefix", lambda: model.score(QUERY, texts))
    return {
        "documents": len(texts),
        "tokens of the instruction": tokens,
        "sides": clock.table("shared prefix"),
        "largest score difference": _far(alone, shared),
    }


RUNS = {
    "m0": m0,
    "curve": curve,
    "narrow": narrow,
    "qwen3-vl": qwen3_vl,
    "prefix": prefix,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=list(RUNS))
    parser.add_argument("--kind", choices=list(work.SIZES), default="parts")
    parser.add_argument("--documents", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1, help="of the published way")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--paired", type=int, default=4, help="documents of the cold pairs")
    parser.add_argument("--threads", type=int, default=1, help="more suffer from other load")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mmrerank-b")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    args.folder.mkdir(exist_ok=True, mode=0o700)
    made = {"machine": work.machine()} | RUNS[args.run](args)
    name = f"{args.run}-{args.kind}" if args.run == "m0" else args.run
    name += f"-{args.documents}" if args.documents >= 100 else ""
    text = json.dumps(made, indent=1) + "\n"
    (HERE / "results" / f"reuse-{name}.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
