"""What the test server does instead of answering, on command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

__all__ = [
    "Fault",
    "Refusal",
    "Reply",
    "break_json",
    "break_rows",
    "break_vectors",
    "without_answer",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with this status and these headers; the body is an error in the service's form."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


Fault = (
    int
    | Refusal
    | Literal[
        "timeout",
        "slow",
        "slow_head",
        "drop",
        "reset",
        "cut",
        "stall",
        "truncated",
        "no_json",
        "deep",
        "missing",
        "repeated",
        "foreign",
        "nan",
        "huge",
        "form",
        "reversed",
        "null",
        "short",
        "other_model",
    ]
)
"""What the server does instead of answering. A number: an error with that status.

Of the connection: "timeout" (no answer), "slow" (the body, a byte every 0.1 s), "slow_head" (the
same for the head), "drop" (closed without an answer), "reset", "cut" (closed within the body),
"stall" (stops within the body, and stays open).

Of the body: "truncated" (half of the JSON), "no_json" (HTML), "deep" (endlessly nested JSON),
"missing" (one result too few), "repeated" (an index twice), "foreign" (an index that was not
sent), "nan", "huge" (a number larger than any float), "form" (JSON of another structure).

Of embeddings: "reversed" (the vectors in another order, with the right indices), "null" (in place of
a number), "short" (a vector with one number too few), "other_model" (the answer names another one).
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server; `fault` names what is wrong with the way it is sent.

    A stream has `events` instead of a body, with `pause` seconds after each.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    media_type: str = "application/json"
    events: Sequence[bytes] = ()
    pause: float = 0.0


_WITHOUT_ANSWER = {
    "timeout": Reply(fault="timeout"),
    "drop": Reply(fault="drop"),
    "reset": Reply(fault="reset"),
    "no_json": Reply(body=b"<html>busy</html>"),
    "deep": Reply(body=b"[" * 100_000),
}


def without_answer(fault: Fault | None) -> Reply | None:
    """The reply of a fault for which the request need not be read; None for other faults."""
    return _WITHOUT_ANSWER.get(fault) if isinstance(fault, str) else None


def break_rows(
    rows: list[tuple[int, float]], fault: Fault | None, sent: int
) -> list[tuple[int, float]]:
    """The (index, score) rows, with the fault if it concerns them; `sent` documents were sent."""
    last, score = rows[-1]
    replaced = {"nan": float("nan"), "huge": 10**400}.get(str(fault), score)
    return _break_indices([*rows[:-1], (last, replaced)], fault, sent)


def break_vectors(
    rows: list[tuple[int, list[Any]]], fault: Fault | None, sent: int
) -> list[tuple[int, list[Any]]]:
    """As `break_rows`, for the vectors of embeddings."""
    last, vector = rows[-1]
    first = {"nan": float("nan"), "huge": 10**400, "null": None}.get(str(fault), vector[0])
    broken = vector[:-1] if fault == "short" else [first, *vector[1:]]
    rows = _break_indices([*rows[:-1], (last, broken)], fault, sent)
    return rows[::-1] if fault == "reversed" else rows


def _break_indices(
    rows: list[tuple[int, T]], fault: Fault | None, sent: int
) -> list[tuple[int, T]]:
    if fault == "missing":
        return rows[:-1]
    if fault == "repeated":
        return [*rows, rows[0]]
    if fault == "foreign":
        return [*rows[:-1], (sent, rows[-1][1])]
    return rows


def break_json(answer: Any, fault: Fault | None) -> Reply:
    """The reply with this JSON, with the fault if it concerns its form or the way it is sent."""
    content = json.dumps({"odd": answer} if fault == "form" else answer).encode()
    if fault == "truncated":
        content = content[: len(content) // 2]
    return Reply(
        body=content, fault=fault if fault in ("slow", "slow_head", "cut", "stall") else ""
    )
