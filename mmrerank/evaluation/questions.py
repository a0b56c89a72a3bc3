"""Questions in a file, one JSON object a line, checked so that every mistake is named with its line.

    {"id": "q1", "question": "How much is drawing 4471-C?", "type": "table",
     "evidence": [{"file": "report.pdf", "page": 4, "figure": "Figure 4"}]}

on one line. `evidence` lists `file` with `page`, `figure` or `text` (see `Evidence`); `file` and
`pages` beside the question are the short form for whole pages. `type` (or `kind`), `answer`, `image`
(a file beside this one, as a question or part of it), `within` and `snippet` may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from mmrerank.errors import DocumentError
from mmrerank.evaluation.data import Evidence, Question

__all__ = ["read_questions"]

T = TypeVar("T")

_MOST_ERRORS = 20  # named at once

_FIELDS = {
    "id", "question", "type", "kind", "evidence", "file", "pages", "figure", "answer", "image",
    "within", "draft", "snippet",
}  # fmt: skip
_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", str: "text"}
_EVIDENCE_FIELDS = {"file", "page", "figure", "text", "relevance"}


class _FieldError(Exception):
    """What is wrong with a field: its name, and what it should be."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


def read_questions(path: Path) -> list[Question]:
    """The questions of a file.

    Raises `DocumentError` that names the line and the field of each mistake (the first twenty), and
    for drafts that nobody has corrected.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(str(path), f"cannot be read ({error})") from error
    questions: list[Question] = []
    problems: list[str] = []
    lines_of_ids: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            question = _question(_object(line), number, path.parent)
        except _FieldError as error:
            problems.append(f"line {number}: {error}")
            continue
        questions.append(question)
        if (earlier := lines_of_ids.setdefault(question.id, number)) != number:
            problems.append(f"line {number}: id: {question.id!r} is that of line {earlier} too")
    if problems:
        more = len(problems) - _MOST_ERRORS
        rest = [f"and {more} more"] if more > 0 else []
        raise DocumentError(str(path), "\n".join([*problems[:_MOST_ERRORS], *rest]))
    if not questions:
        raise DocumentError(str(path), "has no questions")
    return questions


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _FieldError("the line", f"is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise _FieldError("the line", "is not a JSON object")
    return value


def _question(row: Mapping[str, Any], number: int, folder: Path) -> Question:
    _refuse_unknown(row, _FIELDS, "")
    if _value(row, "draft", bool, False):
        raise _FieldError(
            "draft", "this is a draft; correct the question, then take out the field draft"
        )
    image = _image(_text(row, "image"), folder)
    text = _text(row, "question").strip()
    if not text and image is None:
        raise _FieldError("question", "is missing; without an image, it must have text")
    return Question(
        id=_id(row, number),
        question=text,
        evidence=_evidence(row),
        type=_text(row, "type") or _text(row, "kind"),
        answer=_text(row, "answer"),
        image=image,
        within=_text(row, "within") or None,
    )


def _id(row: Mapping[str, Any], number: int) -> str:
    name = _text(row, "id") or f"line-{number}"
    if name.split() != [name]:
        raise _FieldError("id", f"may have no white space: {name!r}")
    return name


def _image(name: str, folder: Path) -> Path | None:
    if not name:
        return None
    if not (folder / name).is_file():
        raise _FieldError("image", f"there is no file {name!r} beside the questions")
    return folder / name


def _evidence(row: Mapping[str, Any]) -> list[Evidence]:
    if ("evidence" in row) == ("file" in row or "pages" in row):
        raise _FieldError("evidence", "is needed, or file and pages instead of it")
    if "evidence" not in row:
        pages = row.get("pages")
        if not isinstance(pages, list) or not pages:
            raise _FieldError("pages", "must be a list of page numbers")
        file = _file(row, "")
        return [Evidence(file=file, page=_page(page, "pages")) for page in dict.fromkeys(pages)]
    listed = row["evidence"]
    if not isinstance(listed, list) or not listed:
        raise _FieldError("evidence", "must be a list with at least one object")
    found = [_one(one, f"evidence[{i}].") for i, one in enumerate(listed)]
    if len({one.id for one in found}) < len(found):
        raise _FieldError("evidence", "has the same piece twice")
    return found


def _one(row: Any, where: str) -> Evidence:
    if not isinstance(row, dict):
        raise _FieldError(where.rstrip("."), "must be an object with a file")
    _refuse_unknown(row, _EVIDENCE_FIELDS, where)
    relevance = _value(row, "relevance", int, 1, where)
    if relevance < 1:
        raise _FieldError(f"{where}relevance", f"must be at least 1, not {relevance}")
    page = row.get("page")
    return Evidence(
        file=_file(row, where),
        page=None if page is None else _page(page, f"{where}page"),
        figure=_text(row, "figure", where).strip(),
        text=_text(row, "text", where).strip(),
        relevance=relevance,
    )


def _file(row: Mapping[str, Any], where: str) -> str:
    name = _text(row, "file", where)
    if not name.strip():
        raise _FieldError(f"{where}file", "is missing")
    return name


def _page(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _FieldError(name, f"pages are whole numbers from 1 on, not {value!r}")
    return value


def _text(row: Mapping[str, Any], name: str, where: str = "") -> str:
    """The text of a field; "" for one that is missing or null."""
    return "" if row.get(name) is None else _value(row, name, str, "", where)


def _value(row: Mapping[str, Any], name: str, kind: type[T], default: T, where: str = "") -> T:
    value = row.get(name, default)
    if type(value) is not kind:  # True is an int as well
        raise _FieldError(f"{where}{name}", f"must be {_KINDS[kind]}, not {value!r}")
    return value


def _refuse_unknown(row: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(row.keys() - known):
        raise _FieldError(
            f"{where}{unknown[0]}", f"is not a field; known: {', '.join(sorted(known))}"
        )
