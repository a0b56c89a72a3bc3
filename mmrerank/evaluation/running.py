"""Asking each system each question."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmrerank.base import Reranker, collected_usage
from mmrerank.errors import InvalidInputError, RerankError
from mmrerank.evaluation.data import EvaluationData, Question
from mmrerank.evaluation.judging import ranking_of
from mmrerank.evaluation.records import Counts, Record, Records
from mmrerank.evaluation.systems import System
from mmrerank.evaluation.trec import read_run
from mmrerank.index.hits import Hit
from mmrerank.index.index import Index
from mmrerank.progress import progress
from mmrerank.types import Usage

__all__ = ["SystemRun", "index_state", "run_systems"]

_VERSION = 1  # raised when the same search gives another record

_KEPT_HITS = 5


@dataclass(slots=True)
class SystemRun:
    """What a system answered, by the question's id; `error` is what ended it early."""

    system: System
    records: dict[str, Record] = field(default_factory=dict)
    error: str = ""


def index_state(index: Index) -> str:
    """A hash of what an index holds: its files, and how each was read."""
    files = [(Path(file.path).name, file.digest, file.options) for file in index.files()]
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def run_systems(
    data: EvaluationData,
    systems: Sequence[System],
    index: Index | None,
    *,
    folder: Path,
    fetch_k: int = 50,
    show_progress: bool = False,
    on_error: Callable[[System, str], object] | None = None,
) -> list[SystemRun]:
    """Ask each system all questions, except those whose answers are in `folder` from before.

    A system that fails is ended and has its error; `on_error` hears of it at once, and the others
    go on. `index` may be None where all systems are runs. Raises `InvalidInputError` for two
    systems of the same name, and for a search without an index.
    """
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        raise InvalidInputError("the systems need names that differ")
    state = "" if index is None else index_state(index)
    runs: list[SystemRun] = []
    for system in systems:
        if system.run is None and index is None:
            raise InvalidInputError(f"{system.name} needs documents to search; runs alone do not")
        run = SystemRun(system)
        try:
            if system.run is not None:
                run.records = _from_file(system.run, data)
            else:
                assert index is not None
                facts = json.dumps([_VERSION, state, fetch_k, system.key, data.is_collection])
                key = hashlib.sha256(facts.encode()).hexdigest()
                records = Records(folder, system.name, key)
                _ask_all(index, data, run, records, fetch_k, show_progress=show_progress)
        except Exception as error:  # a model may fail in any way, and the others shall go on
            run.error = _message(error)
            if on_error is not None:
                on_error(system, run.error)
        runs.append(run)
    return runs


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, RerankError) else f"{type(error).__name__}: {error}"


def _from_file(path: Path, data: EvaluationData) -> dict[str, Record]:
    """The rankings of a run; a question that it lacks counts as one without results."""
    rankings = read_run(path)
    return {
        question.id: Record(
            id=question.id,
            fingerprint=question.fingerprint,
            ranking=rankings.get(question.id, []),
        )
        for question in data.questions
    }


def _ask_all(
    index: Index,
    data: EvaluationData,
    run: SystemRun,
    records: Records,
    fetch_k: int,
    *,
    show_progress: bool,
) -> None:
    left: list[Question] = []
    for question in data.questions:
        record = records.known(question)
        if record is None:
            left.append(question)
        else:
            run.records[question.id] = record
    if not left:
        return
    with run.system.reranker() as reranker:
        is_first = True
        for question in progress(left, run.system.name, show=show_progress):
            record = _ask(index, data, question, run.system, reranker, fetch_k, is_first=is_first)
            records.add(record)
            run.records[question.id] = record
            is_first = False


def _ask(
    index: Index,
    data: EvaluationData,
    question: Question,
    system: System,
    reranker: Reranker | None,
    fetch_k: int,
    *,
    is_first: bool,
) -> Record:
    where = dict(system.where or {})
    if question.within is not None:
        where["file"] = question.within
    query = question.content
    with collected_usage() as used:
        begun = time.perf_counter()
        hits = index.search(
            query,
            reranker,
            top_n=fetch_k,
            fetch_k=fetch_k,
            where=where or None,
            routes=system.routes,
        )
        seconds = time.perf_counter() - begun
    return Record(
        id=question.id,
        fingerprint=question.fingerprint,
        ranking=ranking_of(hits, question, data),
        hits=[_plain(hit) for hit in hits[:_KEPT_HITS]],
        seconds=seconds,
        is_first=is_first,
        counts=_counts(used),
    )


def _plain(hit: Hit) -> Mapping[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(hit), default=str))
    return plain


def _counts(used: Sequence[Usage]) -> Counts:
    tokens = [usage.total_tokens for usage in used if usage.total_tokens is not None]
    return Counts(
        requests=sum(usage.requests for usage in used),
        documents=sum(usage.documents for usage in used),
        images=sum(usage.images for usage in used),
        bytes_sent=sum(usage.bytes_sent for usage in used),
        tokens=sum(tokens) if tokens else None,
    )
