"""MMDocIR's annotations, one document a line, over PDFs that you have.

Each line has `doc_name`, `domain` and `questions`: `Q`, `A`, `type`, and `page_id`, the pages of the
evidence counted from 0. A question is asked within its document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError
from mmrerank.evaluation.data import EvaluationData, Evidence, Question

__all__ = ["is_mmdocir", "read_mmdocir"]

_SUFFIX = ".pdf"


def is_mmdocir(path: Path) -> bool:
    """Whether a file's first line is an annotation of MMDocIR."""
    try:
        with path.open(encoding="utf-8") as lines:
            row = json.loads(lines.readline())
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and {"doc_name", "questions"} <= row.keys()


def read_mmdocir(path: Path, documents: Path) -> EvaluationData:
    """The questions of an annotation file; `documents` is the folder of the PDFs.

    Raises `DocumentError` that names the line of what cannot be read.
    """
    questions: list[Question] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            questions += _questions(json.loads(line), number)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DocumentError(
                str(path), f"line {number} is not an annotation of MMDocIR ({error!r})"
            ) from None
    return EvaluationData(name=path.stem, questions=questions, documents=[documents])


def _questions(row: Any, number: int) -> Iterator[Question]:
    file = str(row["doc_name"])
    file = file if file.lower().endswith(_SUFFIX) else file + _SUFFIX
    for place, one in enumerate(row["questions"], start=1):
        pages = dict.fromkeys(int(page) for page in one["page_id"])
        if pages:  # one without evidence cannot be judged
            yield Question(
                id=f"{number}-{place}",
                question=str(one["Q"]),
                evidence=[Evidence(file=file, page=page + 1) for page in pages],
                type=_type(one.get("type")),
                answer=str(one.get("A") or ""),
                within=file,
            )


def _type(value: Any) -> str:
    """The type of a question; of several, all in one name."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
