"""Runs and qrels as TREC's tools read and write them, one line a document.

A run has `question Q0 document rank score name`; its order is that of the scores, and among equal
scores that of the ranks. Qrels have `question 0 document relevance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmrerank.errors import DocumentError, InvalidInputError
from mmrerank.evaluation.metrics import Qrels, Rankings
from mmrerank.filesystem import write_atomically

__all__ = ["read_qrels", "read_run", "write_qrels", "write_run"]


def read_run(path: Path) -> dict[str, list[str]]:
    """The rankings of a run, by question. Raises `DocumentError` that names the line."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for number, fields in _lines(path, 6):
        question, _, document, rank, score, _ = fields
        try:
            order = -float(score), float(rank)
        except ValueError:
            raise DocumentError(
                str(path), f"line {number}: rank and score are numbers, not {rank!r} and {score!r}"
            ) from None
        found.setdefault(question, []).append((*order, document))
    rankings: dict[str, list[str]] = {}
    for question, rows in found.items():
        rows.sort(key=lambda row: row[:2])
        rankings[question] = [document for _, _, document in rows]
        if len(set(rankings[question])) < len(rows):
            raise DocumentError(str(path), f"question {question!r} has a document twice")
    return rankings


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """The relevance of documents, by question. Raises `DocumentError` that names the line."""
    qrels: dict[str, dict[str, int]] = {}
    for number, (question, _, document, relevance) in _lines(path, 4):
        try:
            qrels.setdefault(question, {})[document] = int(relevance)
        except ValueError:
            raise DocumentError(
                str(path), f"line {number}: the relevance is a whole number, not {relevance!r}"
            ) from None
    return qrels


def _lines(path: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(str(path), f"cannot be read ({error})") from error
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != count:
            raise DocumentError(
                str(path), f"line {number} has {len(fields)} fields, not {count}: {line[:80]!r}"
            )
        yield number, fields


def write_run(path: Path, rankings: Rankings, name: str) -> None:
    """Write rankings as a run. Raises `InvalidInputError` for ids with white space, and OSError."""
    tag = "_".join(name.split()) or "run"
    lines = [
        f"{_field(question)} Q0 {_field(unit)} {rank} {len(ranking) + 1 - rank} {tag}"
        for question, ranking in rankings.items()
        for rank, unit in enumerate(ranking, start=1)
    ]
    _write(path, lines)


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write qrels. Raises `InvalidInputError` for ids with white space, and OSError."""
    rows: Mapping[str, Mapping[str, int]] = qrels
    _write(
        path,
        [
            f"{_field(question)} 0 {_field(unit)} {relevance}"
            for question, judged in rows.items()
            for unit, relevance in judged.items()
        ],
    )


def _field(value: str) -> str:
    if not value or value.split() != [value]:
        raise InvalidInputError(f"TREC's formats allow no white space in an id: {value[:80]!r}")
    return value


def _write(path: Path, lines: list[str]) -> None:
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
