"""Tasks of mteb that are made here: a few texts and images, and no network."""

from __future__ import annotations

import datasets
from golden_cases import GOLDEN
from helpers import png
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

PAGES = {
    "pump": ("The pump runs at 40 bar.", png("pump pressure")),
    "turbine": ("Torque of the turbine in each month.", png("turbine torque")),
    "boiler": ("", png("boiler temperature")),
    "visit": ("The visitors' car park is closed in May.", None),
    "small": ("A drawing.", (GOLDEN / "images" / "0_56x56.png").read_bytes()),
}
QUERIES = {
    "q-torque": "turbine torque",
    "q-pump": "at which pressure does the pump run",
    "q-boiler": "boiler temperature",
}
JUDGED = {"q-torque": {"turbine": 2, "pump": 1}, "q-pump": {"pump": 1}, "q-boiler": {"boiler": 1}}
CANDIDATES = {
    "q-torque": ["visit", "pump", "turbine", "small"],
    "q-pump": ["turbine", "pump", "boiler"],
    "q-boiler": ["visit", "turbine", "boiler", "pump"],
}

IMAGE = datasets.Image()
TEXT = datasets.Value("string")


def table(columns: dict[str, list], image: bool = False) -> datasets.Dataset:
    """A dataset with an id, text and perhaps an image column, as mteb loads them."""
    kinds = {name: IMAGE if name == "image" else TEXT for name in columns}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def pages() -> datasets.Dataset:
    """The documents of the task, with a title column as texts of BEIR have it."""
    return table(
        {
            "id": list(PAGES),
            "title": ["", "Turbines", "", "", ""],
            "text": [text for text, _ in PAGES.values()],
            "image": [data and {"bytes": data, "path": None} for _, data in PAGES.values()],
        }
    )


def texts() -> datasets.Dataset:
    """The queries of the task."""
    return table({"id": list(QUERIES), "text": list(QUERIES.values())})


def make_task(
    *, candidates=CANDIDATES, category="t2it", corpus=None, queries=None, judged=JUDGED
) -> AbsTaskRetrieval:
    """A reranking task, as mteb has them after `load_data`."""

    class TinyReranking(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="TinyReranking",
            description="A few pages.",
            reference=None,
            dataset={"path": "here", "revision": "1"},
            type="Reranking",
            category=category,
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
            date=None,
            domains=[],
            task_subtypes=[],
            license="not specified",
            annotations_creators="derived",
            dialect=[],
            modalities=["text", "image"],
            sample_creation="created",
            bibtex_citation="",
            prompt={"query": "Find the page that answers the question"},
        )

        def load_data(self, num_proc=None, **kwargs):
            split = {
                "corpus": corpus if corpus is not None else pages(),
                "queries": queries if queries is not None else texts(),
                "relevant_docs": {query: dict(found) for query, found in judged.items()},
                "top_ranked": candidates,
            }
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

    return TinyReranking()
