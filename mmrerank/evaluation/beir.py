"""BEIR's folders: `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError
from mmrerank.evaluation.collection import (
    WHOLE_DOCUMENTS,
    CollectionDocument,
    write_documents,
)
from mmrerank.evaluation.data import EvaluationData, Evidence, Question, document_file

__all__ = ["judged_questions", "read_beir"]

Qrels = dict[str, dict[str, int]]


def read_beir(
    folder: Path, documents: Path, *, split: str | None = None, show_progress: bool = False
) -> EvaluationData:
    """A BEIR folder; its documents are written to the folder `documents` to be indexed.

    `split` names a file of `qrels`; None takes "test", or the only one. Questions without relevant
    documents are left out. Raises `DocumentError` that names the file and the line.
    """
    corpus, queries = folder / "corpus.jsonl", folder / "queries.jsonl"
    texts = {_text(row, "_id", queries, n): _text(row, "text", queries, n) for n, row in _rows(queries)}  # fmt: skip
    questions = judged_questions(texts, _read_qrels(_split_file(folder, split)))
    if not questions:
        raise DocumentError(str(folder), "no question has a relevant document")
    write_documents(_corpus(corpus), documents, [corpus], show_progress=show_progress)
    return EvaluationData(
        name=folder.resolve().name,
        questions=questions,
        documents=[documents],
        is_collection=True,
        loader_options=WHOLE_DOCUMENTS,
    )


def judged_questions(texts: dict[str, str], qrels: Qrels) -> list[Question]:
    """The questions that have relevant documents."""
    return [
        Question(
            id=name,
            question=text,
            evidence=[
                Evidence(file=document_file(document, ""), relevance=relevance)
                for document, relevance in qrels[name].items()
                if relevance > 0
            ],
        )
        for name, text in texts.items()
        if any(relevance > 0 for relevance in qrels.get(name, {}).values())
    ]


def _corpus(path: Path) -> Iterator[CollectionDocument]:
    for number, row in _rows(path):
        title = row.get("title") or ""
        text = "\n\n".join(part for part in (str(title), _text(row, "text", path, number)) if part)
        yield CollectionDocument(_text(row, "_id", path, number), text)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, json.loads(line)
    except json.JSONDecodeError as error:
        raise DocumentError(str(path), f"line {number} is not JSON ({error})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(str(path), f"cannot be read ({error})") from error


def _text(row: Any, name: str, path: Path, number: int) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, (str, int)):
        raise DocumentError(str(path), f"line {number}: {name} must be text, not {value!r}")
    return str(value)


def _split_file(folder: Path, split: str | None) -> Path:
    splits = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    if split is None and len(splits) == 1:
        split = splits[0]
    name = split or "test"
    if name not in splits:
        raise DocumentError(
            str(folder), f"has no qrels/{name}.tsv; there is {', '.join(splits) or 'none'}"
        )
    return folder / "qrels" / f"{name}.tsv"


def _read_qrels(path: Path) -> Qrels:
    qrels: Qrels = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        fields = line.split("\t")
        if not line.strip() or (number == 1 and fields[-1].strip() == "score"):
            continue
        try:
            question, document, relevance = fields
            qrels.setdefault(question, {})[document] = int(relevance)
        except ValueError:
            raise DocumentError(
                str(path), f"line {number} is not question, document and relevance: {line[:80]!r}"
            ) from None
    return qrels
