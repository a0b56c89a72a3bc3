"""Any reranker as a model of mteb, for its benchmarks: ViDoRe, JinaVDR, MIRACL and the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError, RerankError, warn
from mmrerank.evaluation.mteb_meta import modalities, model_meta, settings
from mmrerank.evaluation.mteb_rows import Row, Rows, document_text, query_text
from mmrerank.evaluation.mteb_scores import ScoreFile
from mmrerank.optional import require
from mmrerank.progress import progress_bar

if TYPE_CHECKING:
    from datasets import Dataset
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta

__all__ = ["MTEBReranker"]

Pairs = list[tuple[str, list[str]]]
"""Queries by their ids, and for each the ids of documents to score."""


# Not a `CrossEncoderProtocol` of mteb: a class with `predict` would be given pairs query by query,
# with each page decoded, and computed, again for each pair.
class MTEBReranker:
    """A model for `mteb.evaluate` that scores the candidates of a reranking task.

    A reranker that caches what it has computed of documents (`caches_documents`: the local models
    that read images) goes through the documents, `documents_at_once` at a time, and scores each
    for all queries that have it as a candidate: every page is read once, and no more pages than
    these need room in the cache. All others go through the queries, so that they get all
    candidates of a query in one call, as `listwise` ones need them.

    `name` ("organization/model") and `revision` are what mteb's files of results are named by;
    by default the hub id, or "mmrerank/" and the folder's name. The version of this package and
    the changed options, as far as the reranker shows them, are recorded as mteb's
    `experiment_kwargs`, with those in `experiment`: results of other settings are other
    experiments, and published ones are never mistaken for yours.

    With `scores_folder`, scores are written there as they are computed, and a run that was stopped
    goes on where it was.

    Raises `InvalidInputError` for values that cannot be used, and `MissingDependencyError` without
    the extra `mteb`.
    """

    def __init__(
        self,
        reranker: Reranker,
        *,
        name: str | None = None,
        revision: str | None = None,
        experiment: Mapping[str, str | float | bool] | None = None,
        scores_folder: str | Path | None = None,
        documents_at_once: int = 8,
    ) -> None:
        if not isinstance(reranker, Reranker):
            raise InvalidInputError(f"a Reranker is needed, not {type(reranker).__name__}")
        if name is not None and "/" not in name:
            raise InvalidInputError(f'name is "organization/model", not {name!r}')
        if documents_at_once < 1:
            raise InvalidInputError(f"documents_at_once is at least 1, not {documents_at_once!r}")
        self.reranker = reranker
        self._at_once = documents_at_once
        self._folder = None if scores_folder is None else Path(scores_folder)
        self._corpus: Dataset | None = None
        self.mteb_model_meta: ModelMeta = model_meta(
            reranker, name, revision, settings(reranker) | dict(experiment or {})
        )

    def index(self, corpus: Dataset, **others: Any) -> None:
        """Take note of a task's documents; they are read in `search`."""
        self._corpus = corpus

    def search(
        self,
        queries: Dataset,
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        encode_kwargs: Mapping[str, Any],
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **others: Any,
    ) -> dict[str, dict[str, float]]:
        """Score `top_ranked`, the candidates of each query: {query: {document: score}} by their ids.

        A query without candidates gets no results, with a `RerankWarning`. Raises
        `InvalidInputError` for a task without candidates, for one that names documents it does not
        have, and for queries and documents that the reranker cannot read; and the errors of the
        reranker.
        """
        if top_ranked is None:
            raise InvalidInputError(
                f"{task_metadata.name} has no candidates, and a reranker does not search: run it "
                "with a retriever and prediction_folder=..., then with this model after "
                "task.convert_to_reranking(folder, top_k=...)"
            )
        if self._corpus is None:
            raise InvalidInputError("index() must be called before search()")
        documents = self._rows(self._corpus, "document", document_text, task_metadata)
        query_rows = self._rows(queries, "query", query_text, task_metadata)
        candidates = _candidates(list(query_rows.places), top_ranked, documents)
        facts = self._facts(task_metadata, hf_subset, hf_split, candidates)
        scores = self._all_scores(
            candidates, query_rows, documents, facts, encode_kwargs.get("show_progress_bar", True)
        )
        self._corpus = None
        return {query: _best(scores, query, names, top_k) for query, names in candidates.items()}

    def _all_scores(
        self,
        candidates: Mapping[str, list[str]],
        queries: Rows,
        documents: Rows,
        facts: Mapping[str, Any],
        show_progress: bool,
    ) -> dict[str, dict[str, float]]:
        """The scores of all candidates: those of the file, if there is one, and the missing ones."""
        name = "-".join(facts["task"])
        with contextlib.ExitStack() as stack:
            file: ScoreFile | None = None
            if self._folder is not None:
                file = stack.enter_context(ScoreFile(self._folder, name, facts))
            scores = file.scores if file is not None else {}
            missing = _missing(candidates, scores)
            total = sum(map(len, missing.values()))
            step = stack.enter_context(progress_bar(show_progress, total, name))
            for query, found in self._scored(missing, queries, documents):
                scores.setdefault(query, {}).update(found)
                if file is not None:
                    file.add(query, found)
                if step is not None:
                    step(len(found))
        return scores

    def _rows(
        self, dataset: Dataset, kind: str, text: Callable[[Row], str], task: TaskMetadata
    ) -> Rows:
        """The rows of a dataset, of which the reranker gets what the task says and it can read."""
        prompt_type = require("mteb.types").PromptType(kind)
        readable = modalities(self.reranker, kind) & set(task.get_modalities(prompt_type))
        return Rows(dataset, kind, text, readable)

    def _facts(
        self, task: TaskMetadata, subset: str, split: str, candidates: Mapping[str, list[str]]
    ) -> dict[str, Any]:
        """Everything that scores depend on."""
        meta = self.mteb_model_meta
        facts: dict[str, Any] = {
            "model": [self.reranker.model, meta.name, meta.revision],
            "experiment": dict(meta.experiment_kwargs or {}),
            "task": [task.name, subset, split],
            "data": [task.dataset["path"], task.dataset["revision"]],
        }
        if self.reranker.listwise:  # a score depends on the other candidates
            facts["candidates"] = hashlib.sha256(json.dumps(candidates).encode()).hexdigest()
        return facts

    def _scored(
        self, candidates: Mapping[str, list[str]], queries: Rows, documents: Rows
    ) -> Iterator[tuple[str, dict[str, float]]]:
        """Scores by query and document, in the order in which they are computed."""
        groups: Iterator[Pairs] = ([(query, names)] for query, names in candidates.items())
        if self.reranker.caches_documents and not self.reranker.listwise:
            groups = _by_document(candidates, documents.places, self._at_once)
        for group in groups:
            contents = {name: documents[name] for name in _unique(group)}
            for query, names in group:
                results = self.reranker.rerank(queries[query], [contents[name] for name in names])
                if not all(result.is_scored for result in results):
                    raise RerankError(
                        f"a call of {self.reranker.model} failed and left documents unscored: an "
                        'evaluation needs on_error="raise"'
                    )
                yield query, {names[result.index]: result.relevance_score for result in results}


def _candidates(
    queries: Sequence[str], top_ranked: Mapping[str, Sequence[str]], documents: Rows
) -> dict[str, list[str]]:
    """The candidates of each query, each once. Warns of queries that have none."""
    found = {query: list(dict.fromkeys(top_ranked.get(query, ()))) for query in queries}
    for query, names in found.items():
        unknown = next((name for name in names if name not in documents.places), None)
        if unknown is not None:
            raise InvalidInputError(
                f"the candidates of query {query!r} include {unknown!r}, which the task does not have"
            )
    without = [query for query, names in found.items() if not names]
    if without:
        warn(f"{len(without)} of {len(found)} queries have no candidates, such as {without[0]!r}")
    return found


def _missing(
    candidates: Mapping[str, Sequence[str]], scores: Mapping[str, Mapping[str, float]]
) -> dict[str, list[str]]:
    """The candidates without a score."""
    missing = {
        query: [name for name in names if name not in scores.get(query, ())]
        for query, names in candidates.items()
    }
    return {query: names for query, names in missing.items() if names}


def _by_document(
    candidates: Mapping[str, Sequence[str]], places: Mapping[str, int], at_once: int
) -> Iterator[Pairs]:
    """All pairs, grouped by documents that lie next to each other, `at_once` to a group."""
    queries_of: dict[str, list[str]] = defaultdict(list)
    for query, names in candidates.items():
        for name in names:
            queries_of[name].append(query)
    order = sorted(queries_of, key=places.__getitem__)
    for start in range(0, len(order), at_once):
        group: dict[str, list[str]] = defaultdict(list)
        for name in order[start : start + at_once]:
            for query in queries_of[name]:
                group[query].append(name)
        yield list(group.items())


def _unique(group: Pairs) -> dict[str, None]:
    return {name: None for _, names in group for name in names}


def _best(
    scores: Mapping[str, Mapping[str, float]], query: str, names: Sequence[str], top_k: int
) -> dict[str, float]:
    found = {name: scores[query][name] for name in names}
    return dict(sorted(found.items(), key=lambda pair: -pair[1])[:top_k])
