"""What an evaluation came to: means with intervals, differences, time, tokens and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmrerank.errors import InvalidInputError
from mmrerank.evaluation.data import EvaluationData
from mmrerank.evaluation.metrics import DEFAULT_MEASURES, check_measures, measure_rankings
from mmrerank.evaluation.records import Record
from mmrerank.evaluation.running import SystemRun
from mmrerank.evaluation.significance import Comparison, Interval, bootstrap_interval, compare
from mmrerank.optional import require

__all__ = ["Summary", "SystemSummary", "summarise"]

_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSummary:
    """One system. What is not known is None; of a system that failed, only the error is.

    `values` has each measure of each question. `against_first` compares with the first system that
    did not fail, and is empty for that one. Latencies are in seconds for a whole search, without the
    first question of a run, which loads models, unless it is the only one. `cost` is in the
    currency of the price.
    """

    name: str
    error: str = ""
    answered: int = 0
    quality: Mapping[str, Interval] = field(default_factory=dict)
    against_first: Mapping[str, Comparison] = field(default_factory=dict)
    by_type: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    p50: float | None = None
    p95: float | None = None
    requests: int = 0
    images: int = 0
    bytes_sent: int = 0
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All systems over the same questions. `types` counts the questions of each type."""

    data: str
    questions: int
    measures: Sequence[str]
    types: Mapping[str, int]
    systems: Sequence[SystemSummary]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)


def summarise(
    data: EvaluationData, runs: Sequence[SystemRun], measures: Sequence[str] = DEFAULT_MEASURES
) -> Summary:
    """The summary of all runs. Raises `InvalidInputError` for unknown measures and no questions."""
    if not data.questions:
        raise InvalidInputError("there are no questions to evaluate")
    names = check_measures(measures)
    types: dict[str, list[str]] = {}
    for question in data.questions:
        types.setdefault(question.type, []).append(question.id)
    first: Mapping[str, Mapping[str, float]] = {}
    systems: list[SystemSummary] = []
    for run in runs:
        if run.error:
            systems.append(
                SystemSummary(name=run.system.name, error=run.error, answered=len(run.records))
            )
            continue
        rankings = {name: record.ranking for name, record in run.records.items()}
        values = measure_rankings(data.qrels, rankings, names)
        systems.append(_of_system(run, values, first, types))
        first = first or values
    counts = {name: len(ids) for name, ids in types.items()}
    return Summary(
        data=data.name,
        questions=len(data.questions),
        measures=names,
        types=counts,
        systems=systems,
    )


def _of_system(
    run: SystemRun,
    values: Mapping[str, Mapping[str, float]],
    first: Mapping[str, Mapping[str, float]],
    types: Mapping[str, Sequence[str]],
) -> SystemSummary:
    records = list(run.records.values())
    seconds = [] if run.system.run is not None else _seconds(records)
    tokens = _tokens(records)
    return SystemSummary(
        name=run.system.name,
        answered=len(records),
        quality={name: bootstrap_interval(list(own.values())) for name, own in values.items()},
        against_first={
            name: compare(list(first[name].values()), list(own.values()))
            for name, own in values.items()
            if first
        },
        by_type={kind: _means(values, ids) for kind, ids in types.items()},
        values=values,
        p50=_percentile(seconds, 50),
        p95=_percentile(seconds, 95),
        requests=sum(r.counts.requests for r in records),
        images=sum(r.counts.images for r in records),
        bytes_sent=sum(r.counts.bytes_sent for r in records),
        tokens=tokens,
        cost=_cost(run.system.price, tokens),
    )


def _means(values: Mapping[str, Mapping[str, float]], ids: Sequence[str]) -> dict[str, float]:
    """The mean of each measure over some questions."""
    return {name: sum(own[i] for i in ids) / len(ids) for name, own in values.items()}


def _tokens(records: Sequence[Record]) -> int | None:
    counted = [r.counts.tokens for r in records if r.counts.tokens is not None]
    return sum(counted) if counted else None


def _cost(price: float | None, tokens: int | None) -> float | None:
    return None if price is None or tokens is None else price * tokens / _MILLION


def _seconds(records: Sequence[Record]) -> list[float]:
    later = [record.seconds for record in records if not record.is_first]
    return later or [record.seconds for record in records]


def _percentile(values: Sequence[float], percent: float) -> float | None:
    if not values:
        return None
    return float(require("numpy", extra="eval", purpose="evaluation").percentile(values, percent))
