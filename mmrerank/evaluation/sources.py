"""Which data a path or a word means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mmrerank.demo import ARCHIVE, QUESTIONS, REPORT
from mmrerank.errors import DocumentError, InvalidInputError, warn
from mmrerank.evaluation.beir import judged_questions, read_beir
from mmrerank.evaluation.data import EvaluationData, Evidence, Question, document_id
from mmrerank.evaluation.judging import is_file
from mmrerank.evaluation.mmdocir import is_mmdocir, read_mmdocir
from mmrerank.evaluation.parquet import has_parquet, read_parquet
from mmrerank.evaluation.questions import read_questions
from mmrerank.evaluation.trec import read_qrels

__all__ = ["DEMO", "QUESTIONS_FILE", "check_evidence", "demo_data", "first_questions", "open_data"]

DEMO = "demo"
"""The word for the demo's questions."""

QUESTIONS_FILE = "questions.jsonl"
"""The questions in a folder of documents."""

_MMDOCIR = "MMDocIR_annotations.jsonl"
_QRELS = (".qrels", ".txt", ".trec")
_SHOWN = 10  # missing files that are named


def open_data(
    name: str,
    work: Path,
    *,
    documents: Path | None = None,
    split: str | None = None,
    show_progress: bool = False,
) -> EvaluationData:
    """The questions and documents that a path means: see docs/evaluation.md for the formats.

    Documents of collections are written below `work`. `documents` is the folder of documents, by
    default that of the questions. Raises `DocumentError` for what cannot be read, and
    `InvalidInputError` for a path that is none of the formats.
    """
    if name == DEMO:
        return demo_data()
    path = Path(name)
    if not path.exists():
        raise DocumentError(name, "does not exist")
    if path.is_dir():
        return _folder(path, work, documents, split, show_progress=show_progress)
    if path.suffix.lower() in _QRELS:
        return _qrels(path)
    beside = documents or path.parent
    if is_mmdocir(path):
        return read_mmdocir(path, beside)
    return EvaluationData(name=path.stem, questions=read_questions(path), documents=[beside])


def _folder(
    path: Path, work: Path, documents: Path | None, split: str | None, *, show_progress: bool
) -> EvaluationData:
    if (path / QUESTIONS_FILE).is_file():
        questions = read_questions(path / QUESTIONS_FILE)
        folder = documents or path
        return EvaluationData(name=path.resolve().name, questions=questions, documents=[folder])
    if (path / "corpus.jsonl").is_file():
        return read_beir(path, work / "documents", split=split, show_progress=show_progress)
    if (path / _MMDOCIR).is_file():
        return read_mmdocir(path / _MMDOCIR, documents or path)
    if has_parquet(path):
        return read_parquet(path, work / "documents", show_progress=show_progress)
    raise InvalidInputError(
        f"{path} has no {QUESTIONS_FILE}, no corpus.jsonl (BEIR), no {_MMDOCIR} and no Parquet "
        "files of a known layout"
    )


def _qrels(path: Path) -> EvaluationData:
    """Judgements alone, for runs."""
    qrels = read_qrels(path)
    questions = judged_questions(dict.fromkeys(qrels, ""), qrels)
    return EvaluationData(name=path.stem, questions=questions, is_collection=True)


def demo_data() -> EvaluationData:
    """The demo's nine questions, each about a figure of its report, among the documents of its archive."""
    rows = json.loads(Path(QUESTIONS).read_text(encoding="utf-8"))
    report = Path(REPORT).name
    questions = [
        Question(
            id=f"q{number}",
            question=row["question"],
            evidence=[Evidence(file=report, page=row["page"], figure=row["figure"])],
            answer=row["answer"],
        )
        for number, row in enumerate(rows, start=1)
    ]
    return EvaluationData(name=DEMO, questions=questions, documents=[Path(REPORT), Path(ARCHIVE)])


def check_evidence(data: EvaluationData, paths: list[str]) -> None:
    """Check that the files of all evidence are among these paths of an index.

    Raises `InvalidInputError` that names the files which are not, and names that stand for several
    files. Documents that a collection lacks are warned of: they can never be found.
    """
    if data.is_collection:
        relevant = {unit for judged in data.qrels.values() for unit in judged}
        if missing := relevant - set(map(document_id, paths)):
            warn(f"{len(missing)} relevant documents are not in the index: {_some(missing)}")
        return
    counts = {name: sum(is_file(path, name) for path in paths) for name in _named_files(data)}
    _refuse(
        {name for name, count in counts.items() if count == 0},
        "the evidence is in files that are not indexed",
    )
    _refuse(
        {name for name, count in counts.items() if count > 1},
        "several files have these names; give more of their paths",
    )


def _refuse(names: set[str], reason: str) -> None:
    if names:
        raise InvalidInputError(f"{reason}: {_some(names)}")


def _named_files(data: EvaluationData) -> set[str]:
    evidence = {one.file for question in data.questions for one in question.evidence}
    return evidence | {question.within for question in data.questions if question.within}


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def first_questions(data: EvaluationData, limit: int | None) -> EvaluationData:
    """The data with the first `limit` questions only; None for all."""
    return data if limit is None else replace(data, questions=data.questions[:limit])
