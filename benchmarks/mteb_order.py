"""A reranker in mteb: document by document, against mteb's own order, query by query.

    python benchmarks/mteb_order.py m0      # needs the extras mteb and local

Both run the same reranker on the same task within one call, in turns, through `mteb.evaluate`:
`MTEBReranker`, and a class with `predict`, which mteb takes for a cross-encoder and gives pairs
of a query and a decoded page, one query after the other. That class once scores each pair by
itself, as mteb's own wrappers do, and once with the cache of our reranker. Both caches hold twice
the pages that `MTEBReranker` takes at once, since no cache holds all pages of a benchmark. Weights
are random.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])

import datasets
import mteb
import torch
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks import random_models
from mmrerank import Content, Image, JinaM0Reranker, Qwen3VLReranker
from mmrerank.evaluation.mteb import MTEBReranker
from mmrerank.evaluation.mteb_meta import model_meta
from mmrerank.local import Reuse
from mmrerank.local.compute.decoder import Decoder
from mmrerank.local.compute.vision import VisionTower

MODELS = {
    "m0": (random_models.m0, JinaM0Reranker),
    "qwen3-vl": (random_models.qwen3_vl, Qwen3VLReranker),
}
QUIET = {"show_progress_bar": False, "batch_size": 8}
WORDS = "turbine torque pressure pump boiler valve month report table figure load steam".split()


class Work:
    """How many pages the tower read, and how many tokens the decoder computed."""

    def __init__(self) -> None:
        self.pages = self.tokens = 0
        features, walk = VisionTower.features, Decoder._walk

        def seeing(tower, parts):
            self.pages += len(parts)
            return features(tower, parts)

        def walking(decoder, packed, *others):
            self.tokens += packed.embeddings.shape[0]
            return walk(decoder, packed, *others)

        VisionTower.features, Decoder._walk = seeing, walking

    def since(self) -> tuple[int, int]:
        found = self.pages, self.tokens
        self.pages = self.tokens = 0
        return found


class PairByPair:
    """A cross-encoder of mteb over the same reranker: what a user would write first."""

    def __init__(self, reranker, name: str) -> None:
        self.reranker = reranker
        self.mteb_model_meta = model_meta(reranker, f"mmrerank/{name}", None, {})

    def predict(self, inputs1, inputs2, **others: Any) -> list[float]:
        queries = itertools.chain.from_iterable(batch["text"] for batch in inputs1)
        pages = itertools.chain.from_iterable(batch["image"] for batch in inputs2)
        return [
            self.reranker.score(query, [_content(page)])[0]
            for query, page in zip(queries, pages, strict=True)
        ]


def _content(page: Pillow.Image) -> Content:
    buffer = io.BytesIO()
    page.save(buffer, "PNG", compress_level=1)  # mteb has decoded it; our rerankers take files
    return Content(None, [Image.from_bytes(buffer.getvalue())])


def page(chance: random.Random, size: int) -> bytes:
    picture = Pillow.new("RGB", (size, size * 4 // 3), "white")
    draw = ImageDraw.Draw(picture)
    for top in range(8, size * 4 // 3 - 20, 24):
        draw.text((8, top), " ".join(chance.choices(WORDS, k=6)), fill="black", font_size=16)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def make_task(pages: int, queries: int, candidates: int, size: int) -> AbsTaskRetrieval:
    chance = random.Random(1)
    corpus = datasets.Dataset.from_dict(
        {
            "id": [f"p{i}" for i in range(pages)],
            "image": [{"bytes": page(chance, size), "path": None} for _ in range(pages)],
        },
        features=datasets.Features({"id": datasets.Value("string"), "image": datasets.Image()}),
    )
    names = [f"q{i}" for i in range(queries)]
    texts = [" ".join(chance.choices(WORDS, k=5)) for _ in names]
    top = {name: chance.sample(corpus["id"][:], candidates) for name in names}

    class Pages(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="Pages", description="Pages.", reference=None,
            dataset={"path": "here", "revision": "1"}, type="Reranking", category="t2i",
            eval_splits=["test"], eval_langs=["eng-Latn"], main_score="ndcg_at_10", date=None,
            domains=[], task_subtypes=[], license="not specified", annotations_creators="derived",
            dialect=[], modalities=["text", "image"], sample_creation="created",
            bibtex_citation="",
        )  # fmt: skip

        def load_data(self, **others: Any) -> None:
            split = {
                "corpus": corpus,
                "queries": datasets.Dataset.from_dict({"id": names, "text": texts}),
                "relevant_docs": {name: {top[name][0]: 1} for name in names},
                "top_ranked": top,
            }
            self.dataset, self.data_loaded = {"default": {"test": split}}, True

    return Pages()


def run(model, task, work: Work) -> tuple[float, float, int, int]:
    """Seconds of processor time and of the clock, pages read, tokens computed."""
    work.since()
    clock, processor = time.perf_counter(), time.process_time()
    mteb.evaluate(model, task, cache=None, encode_kwargs=dict(QUIET), co2_tracker=False)
    return time.process_time() - processor, time.perf_counter() - clock, *work.since()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--queries", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--size", type=int, default=224, help="width of a page in pixels")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    make, kind = MODELS[given.model]
    task = make_task(given.pages, given.queries, given.candidates, given.size)
    work = Work()
    with tempfile.TemporaryDirectory() as folder:
        path = str(make(Path(folder) / given.model))
        with kind(path, device="cpu") as probe:
            probe.warm([Content(None, [Image.from_bytes(page(random.Random(), given.size))])])
            memory = probe.cache_info().bytes * 2 * given.at_once
        cached = kind(path, device="cpu", reuse=Reuse(memory=memory))
        plain = kind(path, device="cpu", reuse=False)

        def systems():
            yield (
                "document by document",
                MTEBReranker(cached, documents_at_once=given.at_once),
                cached,
            )
            yield "pair by pair", PairByPair(plain, "plain"), plain
            yield "pair by pair, with our cache", PairByPair(cached, "cached"), cached

        found: dict[str, list[tuple[float, float, int, int]]] = {}
        for name, model, reranker in itertools.chain(*(systems() for _ in range(given.rounds))):
            reranker.clear_cache()
            found.setdefault(name, []).append(run(model, task, work))
    pairs = given.queries * given.candidates
    print(
        f"{given.model}: {given.pages} pages, {given.queries} queries, {pairs} pairs; cache {memory / 2**20:.0f} MiB"
    )
    print("| order | processor s | clock s | pages read | tokens |\n|---|---|---|---|---|")
    for name, runs in found.items():
        processor, clock = (statistics.median(one[i] for one in runs) for i in (0, 1))
        print(f"| {name} | {processor:.1f} | {clock:.1f} | {runs[0][2]} | {runs[0][3]:,} |")


if __name__ == "__main__":
    main()
